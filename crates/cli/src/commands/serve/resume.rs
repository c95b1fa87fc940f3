//! What is loaded, written down, so that the next `serve` can load it again, however this one ends.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use loadmaster_core::Settings;
use loadmaster_orchestrator::{Orchestrator, Resident};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{broadcast::error::RecvError, oneshot},
    task::JoinHandle,
};

use crate::{Failed, config::Config};

/// The version of the file's form. Files of another one are passed over.
const VERSION: u32 = 1;

/// How long after something happened it is written down: much happens at once.
const TOGETHER: Duration = Duration::from_millis(200);

/// The file's content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Contents {
    version: u32,
    /// The backends' sections of the configuration: with others, other plans would be made.
    backends: BTreeMap<String, Settings>,
    /// The latest used first.
    loaded: Vec<Resident>,
}

fn file_of(config: &Config) -> PathBuf {
    config.folders.state.join("loaded.json")
}

/// What was loaded when the last program ended. A file that cannot be read is told of and passed over.
fn read(file: &Path, backends: &BTreeMap<String, Settings>) -> Vec<Resident> {
    let contents = match fs::read(file) {
        Ok(bytes) => serde_json::from_slice::<Contents>(&bytes).map_err(io::Error::from),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => Err(error),
    };
    match contents {
        Ok(contents) if contents.version != VERSION => Vec::new(),
        Ok(contents) if contents.backends == *backends => contents.loaded,
        Ok(contents) => {
            contents.loaded.into_iter().map(|resident| Resident { plan: None, ..resident }).collect()
        }
        Err(error) => {
            let file = file.display();
            tracing::warn!(%error, "{file} is damaged: what was loaded before is loaded when it is asked for");
            Vec::new()
        }
    }
}

/// Whole or not at all, whenever the power goes.
fn write(file: &Path, contents: &Contents) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut temporary, contents)?;
    temporary.as_file().sync_all()?;
    temporary.persist(file)?;
    Ok(())
}

/// Loads again what was loaded before, if the configuration says so, and writes down what is loaded from
/// now on.
pub(super) async fn begin(orchestrator: &Orchestrator, config: &Config) -> Result<Option<Recorder>, Failed> {
    let file = file_of(config);
    if !config.policy.resume {
        // It would tell of another time when it is read one day.
        let _ = fs::remove_file(&file);
        return Ok(None);
    }
    orchestrator.resume(read(&file, &config.backends)).await?;
    let (finish, finished) = oneshot::channel();
    let recording = Recording {
        orchestrator: orchestrator.clone(),
        file,
        backends: config.backends.clone(),
        written: None,
    };
    Ok(Some(Recorder { finish, task: tokio::spawn(recording.run(finished)) }))
}

/// Writes down what is loaded.
pub(super) struct Recorder {
    finish: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Recorder {
    /// Writes for the last time: what ends after this comes back.
    pub(super) async fn finish(self) {
        // It has ended already when one of these fails, and has written what there was.
        let _ = self.finish.send(());
        let _ = self.task.await;
    }
}

struct Recording {
    orchestrator: Orchestrator,
    file: PathBuf,
    backends: BTreeMap<String, Settings>,
    written: Option<Contents>,
}

impl Recording {
    async fn run(mut self, mut finished: oneshot::Receiver<()>) {
        let mut events = self.orchestrator.events();
        self.write().await;
        loop {
            tokio::select! {
                // Before the end, and not for what ends.
                biased;
                _ = &mut finished => break,
                event = events.recv() => if matches!(event, Err(RecvError::Closed)) {
                    return;
                },
            }
            tokio::select! {
                biased;
                _ = &mut finished => break,
                () = tokio::time::sleep(TOGETHER) => {}
            }
            // What happened meanwhile is written down with it.
            events = events.resubscribe();
            self.write().await;
        }
        self.write().await;
    }

    async fn write(&mut self) {
        let Ok(loaded) = self.orchestrator.residents().await else { return };
        let contents = Contents { version: VERSION, backends: self.backends.clone(), loaded };
        if self.written.as_ref() == Some(&contents) {
            return;
        }
        let (file, new) = (self.file.clone(), contents.clone());
        let written = tokio::task::spawn_blocking(move || write(&file, &new)).await;
        match written.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(()) => self.written = Some(contents),
            Err(error) => {
                let file = self.file.display();
                tracing::warn!(%error, "what is loaded was not written down in {file}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use loadmaster_core::{LaunchPlan, LoadRequest, Model, ModelKind};

    use super::*;

    fn contents(backends: &BTreeMap<String, Settings>) -> Contents {
        let model = Model::from_file(ModelKind::Text, "/m/a.gguf");
        let plan = Some(LaunchPlan::new("llama", model.clone()));
        let loaded = vec![Resident { request: LoadRequest::new(model), plan }];
        Contents { version: VERSION, backends: backends.clone(), loaded }
    }

    #[test]
    fn what_was_written_is_read_and_what_is_damaged_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("loaded.json");
        let backends = BTreeMap::from([("llama".to_owned(), Settings::new())]);
        assert_eq!(read(&file, &backends), []);
        let contents = contents(&backends);
        write(&file, &contents).unwrap();
        assert_eq!(read(&file, &backends), contents.loaded);
        // Another server makes other plans.
        let others = read(&file, &BTreeMap::new());
        assert_eq!((&others[0].request, &others[0].plan), (&contents.loaded[0].request, &None));
        let whole = fs::read(&file).unwrap();
        for length in [0, 1, whole.len() / 2, whole.len() - 1] {
            fs::write(&file, &whole[..length]).unwrap();
            assert_eq!(read(&file, &backends), [], "{length} bytes");
        }
        write(&file, &Contents { version: 2, ..contents }).unwrap();
        assert_eq!(read(&file, &backends), []);
    }
}
