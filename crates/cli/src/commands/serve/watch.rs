//! Tells when the configuration file may have changed.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::{sync::mpsc, time::timeout};

/// How long nothing may have changed before the file is read: editors write in several steps.
const QUIET: Duration = Duration::from_millis(200);

/// Watches the folder of a file, since editors put a new file in the place of the old one.
pub(crate) struct FileWatch {
    changes: mpsc::Receiver<()>,
    /// Whether something changed that nobody was told of yet.
    pending: bool,
    /// Ends with this.
    _watcher: Option<RecommendedWatcher>,
}

impl FileWatch {
    /// Begins to watch. Where that cannot be, it is told of, and nothing ever changes.
    pub(crate) fn begin(file: &Path) -> Self {
        let (sender, changes) = mpsc::channel(1);
        let watcher = watch(file, sender).inspect_err(|error| {
            let file = file.display();
            tracing::info!(%error, "{file} is not watched; `loadmaster reload` reads it again");
        });
        Self { changes, pending: false, _watcher: watcher.ok() }
    }

    /// Waits until something changed in the file's folder, and nothing more for a moment. May be dropped
    /// while it waits, and nothing is missed.
    pub(crate) async fn next(&mut self) {
        if !self.pending {
            if self.changes.recv().await.is_none() {
                return std::future::pending().await;
            }
            self.pending = true;
        }
        while let Ok(Some(())) = timeout(QUIET, self.changes.recv()).await {}
        self.pending = false;
    }
}

fn watch(file: &Path, changed: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading the file is no change of it; what cannot be told may have been one.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            // One is on its way when this fails, and is enough.
            let _ = changed.try_send(());
        }
    })?;
    for folder in folders(file) {
        watcher.watch(&folder, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

/// The folder of the file, and that of the file which it is a link to.
fn folders(file: &Path) -> BTreeSet<PathBuf> {
    let target = file.canonicalize().ok();
    let folder = |file: &Path| match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    [Some(file), target.as_deref()].into_iter().flatten().map(folder).collect()
}
