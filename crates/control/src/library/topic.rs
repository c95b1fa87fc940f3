//! The topic `library`: all models, and again when one came, went, or may fit in another way.

use std::{path::Path, time::Duration, time::SystemTime};

use futures_util::{StreamExt, stream, stream::BoxStream};
use loadmaster_core::Event;
use loadmaster_gateway::{News, Topic};
use loadmaster_orchestrator::Notice;
use serde_json::{Value, json};
use tokio::sync::{
    broadcast::{Receiver, error::RecvError},
    watch,
};

use super::models::Models;
use crate::ControlState;

/// How often the library's folders are looked at, for what other processes change.
const EVERY: Duration = Duration::from_secs(2);

/// How long is waited after an event: events come in swarms, and each changes what fits.
const SWARM: Duration = Duration::from_secs(1);

/// All models of this machine.
#[derive(Debug)]
pub(crate) struct LibraryTopic(pub(crate) ControlState);

/// One who listens.
struct Listener {
    state: ControlState,
    changed: watch::Receiver<()>,
    events: Receiver<Notice>,
    folders: Vec<Option<SystemTime>>,
    told: Option<Value>,
}

impl Topic for LibraryTopic {
    fn listen(&self) -> BoxStream<'static, News> {
        let state = self.0.clone();
        let listener = Listener {
            changed: state.library_changes(),
            events: state.orchestrator.events(),
            folders: Vec::new(),
            told: None,
            state,
        };
        let next = |mut listener: Listener| async { Some((listener.next().await?, listener)) };
        stream::unfold(listener, next).boxed()
    }
}

impl Listener {
    /// The whole, once it is another than what was told.
    async fn next(&mut self) -> Option<News> {
        loop {
            if self.told.is_some() {
                self.wait().await?;
            }
            self.folders = self.folders_now().await;
            let Ok(models) = Models::read(&self.state).await else {
                continue_later().await;
                continue;
            };
            let Ok(models) = models.all().await else {
                continue_later().await;
                continue;
            };
            let whole = json!({ "models": models });
            if self.told.as_ref() != Some(&whole) {
                self.told = Some(whole.clone());
                return Some(News::new("library", whole));
            }
        }
    }

    /// Until there may be something to tell; `None` when there will never be.
    async fn wait(&mut self) -> Option<()> {
        loop {
            tokio::select! {
                changed = self.changed.changed() => return changed.ok(),
                notice = self.events.recv() => match notice {
                    Ok(Notice { event, .. }) if !concerns(&event) => {}
                    Err(RecvError::Closed) => return None,
                    Ok(_) | Err(RecvError::Lagged(_)) => {
                        tokio::time::sleep(SWARM).await;
                        self.events = self.events.resubscribe();
                        return Some(());
                    }
                },
                () = tokio::time::sleep(EVERY) => {
                    if self.folders != self.folders_now().await {
                        return Some(());
                    }
                }
            }
        }
    }

    /// When each folder of the library was last changed.
    async fn folders_now(&self) -> Vec<Option<SystemTime>> {
        let root = self.state.library.root().to_owned();
        tokio::task::spawn_blocking(move || folders(&root)).await.unwrap_or_default()
    }
}

/// After the library could not be read.
async fn continue_later() {
    tokio::time::sleep(EVERY).await;
}

/// Whether it changes how it stands with models.
fn concerns(event: &Event) -> bool {
    matches!(
        event,
        Event::State { .. }
            | Event::Reloaded { .. }
            | Event::BudgetsChanged { .. }
            | Event::HoldGranted { .. }
            | Event::HoldReleased { .. }
    )
}

fn folders(root: &Path) -> Vec<Option<SystemTime>> {
    let changed = |path: &Path| std::fs::metadata(path).and_then(|is| is.modified()).ok();
    let mut inside: Vec<_> = std::fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        // Locks and what is not whole yet change all the time.
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        .map(|entry| (entry.file_name(), changed(&entry.path())))
        .collect();
    inside.sort();
    std::iter::once(changed(root)).chain(inside.into_iter().map(|(_, at)| at)).collect()
}
