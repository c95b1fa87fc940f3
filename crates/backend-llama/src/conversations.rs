//! Conversations that outlive their server: what its slots have in the cache is written to disk before
//! it makes room for another model, and read back when the same plan is started again.
//!
//! `POST /slots/N?action=save` and `restore` of llama-server. A saved cache fits one model, one program and
//! one set of settings alone, so all of these name its folder; nothing else ever finds it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use loadmaster_core::{Kept, LaunchPlan};
use loadmaster_upstream::{Method, Upstream};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// How long one slot may take. A cache of a GiB takes a second on a slow disk.
const SLOT_PATIENCE: Duration = Duration::from_secs(20);

/// Where saved conversations lie, and how much of the disk they may take.
#[derive(Debug)]
pub(crate) struct Conversations {
    folder: PathBuf,
    /// Bytes over all models; 0 saves nothing.
    budget: u64,
}

impl Conversations {
    pub(crate) fn new(state_dir: &Path, budget: u64) -> Self {
        Self { folder: state_dir.join("conversations").join(crate::LlamaBackend::ID), budget }
    }

    /// The folder for the conversations of `plan`, which the server writes into. `None` when they are not
    /// saved: nobody wants them, or there is no place for them.
    pub(crate) fn prepare(&self, plan: &LaunchPlan) -> Option<PathBuf> {
        if self.budget == 0 {
            return None;
        }
        let folder = self.folder_of(plan).and_then(|folder| make_private(&folder).map(|()| folder));
        folder.inspect_err(|error| tracing::warn!(%error, "conversations cannot be kept")).ok()
    }

    fn folder_of(&self, plan: &LaunchPlan) -> io::Result<PathBuf> {
        let server = plan.server.as_deref().ok_or(io::ErrorKind::NotFound)?;
        let identity = json!([plan, identity(&plan.model.path)?, identity(server)?]);
        let digest = Sha256::digest(identity.to_string());
        let first = digest.first_chunk().copied().map_or(0, u128::from_be_bytes);
        Ok(self.folder.join(format!("{first:032x}")))
    }

    /// Saves what the slots of a server hold that works on nothing now.
    pub(crate) async fn save(&self, plan: &LaunchPlan, upstream: &Upstream, slots: u32, cache: u64) -> Kept {
        let Ok(folder) = self.folder_of(plan) else { return Kept::default() };
        if cache > self.budget {
            tracing::info!(
                model = plan.model.id,
                cache,
                "the conversations are larger than what may be kept"
            );
            return Kept::default();
        }
        let mut kept = Kept::default();
        for slot in 0..slots {
            let Some(answer) = act(upstream, slot, "save").await else { continue };
            match (answer["n_saved"].as_u64().unwrap_or(0), answer["n_written"].as_u64().unwrap_or(0)) {
                (0, _) => discard(&folder.join(file_of(slot))),
                (tokens, bytes) => kept.add(tokens, bytes),
            }
        }
        make_room(&self.folder, self.budget);
        kept
    }

    /// Brings back what was saved for `plan`, once.
    pub(crate) async fn restore(&self, plan: &LaunchPlan, upstream: &Upstream, slots: u32) -> Kept {
        let mut kept = Kept::default();
        let Ok(folder) = self.folder_of(plan) else { return kept };
        for slot in 0..slots {
            let file = folder.join(file_of(slot));
            if !file.exists() {
                continue;
            }
            if let Some(answer) = act(upstream, slot, "restore").await {
                let number = |name: &str| answer[name].as_u64().unwrap_or(0);
                kept.add(number("n_restored"), number("n_read"));
            }
            discard(&file);
        }
        kept
    }
}

fn file_of(slot: u32) -> String {
    format!("slot-{slot}.bin")
}

/// The file's length and time, which change with its content.
fn identity(path: &Path) -> io::Result<Value> {
    let metadata = fs::metadata(path)?;
    let since = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(json!([metadata.len(), since.as_nanos().to_string()]))
}

/// `None` when the server would not: then the conversation is read anew when it goes on.
async fn act(upstream: &Upstream, slot: u32, action: &str) -> Option<Value> {
    let path = format!("/slots/{slot}?action={action}");
    let asked = upstream.request(Method::POST, &path).json(&json!({ "filename": file_of(slot) }));
    let answer = asked.timeout(SLOT_PATIENCE).send().await;
    let told = match answer {
        Ok(answer) if answer.status().is_success() => return answer.json().await.ok(),
        Ok(answer) => answer.status().to_string(),
        Err(error) => error.to_string(),
    };
    tracing::warn!(slot, action, told, "a conversation could not be kept");
    None
}

/// What somebody wrote is nobody else's to read.
fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn discard(file: &Path) {
    match fs::remove_file(file) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(%error, file = %file.display(), "a kept conversation stays on the disk"),
    }
}

/// Deletes the oldest files in the folders of `folder` until the others fit into `budget`. The folders
/// stay: a server that runs may still write into them.
fn make_room(folder: &Path, budget: u64) {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<(SystemTime, u64, PathBuf)> = entries(folder)
        .flat_map(|entry| entries(&entry.path()).collect::<Vec<_>>())
        .filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            Some((metadata.modified().ok()?, metadata.len(), entry.path()))
        })
        .collect();
    files.sort();
    let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
    for (_, bytes, file) in files {
        if total <= budget {
            break;
        }
        discard(&file);
        total -= bytes;
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use loadmaster_core::{Model, ModelKind};

    use super::*;

    #[test]
    fn the_oldest_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: usize, age: u64| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, vec![0; bytes]).unwrap();
            let time = SystemTime::now() - Duration::from_secs(age);
            File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
            path
        };
        let files =
            [file("a/slot-0.bin", 50, 30), file("b/slot-0.bin", 50, 20), file("a/slot-1.bin", 50, 10)];
        let left = |budget| {
            make_room(folder.path(), budget);
            files.each_ref().map(|file| file.exists())
        };
        assert_eq!(left(150), [true; 3]);
        assert_eq!(left(149), [false, true, true]);
        assert_eq!(left(60), [false, false, true]);
        assert_eq!(left(0), [false; 3]);
    }

    #[test]
    fn another_plan_model_or_program_finds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("model.gguf"), "model").unwrap();
        fs::write(path("server"), "server").unwrap();
        let conversations = Conversations::new(folder.path(), 1);
        let mut plan = LaunchPlan::new("llama", Model::from_file(ModelKind::Text, path("model.gguf")));
        plan.server = Some(path("server"));
        let first = conversations.prepare(&plan).unwrap();
        assert_eq!(conversations.prepare(&plan), Some(first.clone()));
        fs::write(path("model.gguf"), "another model").unwrap();
        let second = conversations.prepare(&plan).unwrap();
        fs::write(path("server"), "another server").unwrap();
        let third = conversations.prepare(&plan).unwrap();
        plan.settings.insert("context_length".to_owned(), 1.into());
        let fourth = conversations.prepare(&plan).unwrap();
        let all = std::collections::BTreeSet::from([first, second, third, fourth]);
        assert_eq!(all.len(), 4);
        assert_eq!(Conversations::new(folder.path(), 0).prepare(&plan), None);
    }
}
