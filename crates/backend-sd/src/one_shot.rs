//! Paints with one `sd-cli` for each request.

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use loadmaster_images::{Capabilities, ImageError, ImageEvent, ImageRequest, Painter, Painting};
use loadmaster_supervise::{Child, Exit, ExitStatus, Supervisor};
use tokio::sync::{OwnedMutexGuard, mpsc};

use crate::{
    arguments::{self, Files, INIT, MASK},
    diagnose::{disk_full, failed, of_exit},
    launch, loras,
    order::Order,
    previews::Previews,
    studio::{Follower, Studio},
    work_folder::WorkFolder,
};

/// Shows a latent image without decoding it: costs no memory to speak of.
const PREVIEW: &str = "proj";

/// How often a program is started for a request that somebody else kills: as often as the gateway sends a request.
const STARTS: u32 = 3;

/// Paints with one `sd-cli` for each request.
#[derive(Debug)]
pub(crate) struct OneShot {
    pub(crate) studio: Studio,
    pub(crate) supervisor: Supervisor,
    /// Where requests have their folders.
    pub(crate) folder: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) parent_death_signal: bool,
    /// The process that paints now; 0 for none.
    pub(crate) pid: Arc<std::sync::atomic::AtomicU32>,
}

/// A request that is being painted. When it is dropped, its process is killed, and its turn is over once that is gone.
struct Running {
    child: Option<Child>,
    folder: Option<WorkFolder>,
    turn: Option<OwnedMutexGuard<()>>,
    pid: Arc<std::sync::atomic::AtomicU32>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.pid.store(0, std::sync::atomic::Ordering::Relaxed);
        let (child, folder, turn) = (self.child.take(), self.folder.take(), self.turn.take());
        let Some(child) = child.filter(|child| child.exit().now().is_none()) else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                child.stop(Duration::ZERO).await;
                drop((folder, turn));
            });
        }
    }
}

#[async_trait]
impl Painter for OneShot {
    fn capabilities(&self) -> Capabilities {
        self.studio.capabilities()
    }

    async fn paint(
        &self,
        request: ImageRequest,
        events: mpsc::Sender<ImageEvent>,
    ) -> Result<Painting, ImageError> {
        let order = self.studio.order(request).await?;
        let mut turn = self.studio.turn(&order, &events).await;
        let mut starts = 1;
        loop {
            let mut running = self.start(&order, turn).await?;
            let (exit, outcome) = self.follow(&order, &mut running, &events).await;
            // The kernel, where memory is short, or whoever else: nothing was served, so it can begin again.
            let killed =
                !exit.asked && matches!(exit.status, ExitStatus::Signal { name: "SIGKILL" | "SIGTERM", .. });
            if !killed || starts >= STARTS {
                return outcome;
            }
            tracing::warn!(status = %exit.status, "sd-cli was killed, and is started again");
            starts += 1;
            let Some(again) = running.turn.take() else { return outcome };
            turn = again;
        }
    }
}

impl OneShot {
    async fn start(&self, order: &Order, turn: OwnedMutexGuard<()>) -> Result<Running, ImageError> {
        let folder = WorkFolder::new(&self.folder).await.map_err(|error| system(&error))?;
        let files = Files::new(folder.path().to_owned(), order.format);
        for (name, bytes) in [(INIT, &order.init), (MASK, &order.mask)] {
            if let Some(bytes) = bytes {
                let path = files.brought(name, bytes);
                tokio::fs::write(&path, bytes).await.map_err(|error| not_written(&error))?;
            }
        }
        loras::lay_out(folder.path(), &order.loras).await.map_err(|error| not_written(&error))?;
        let plan = &self.studio.plan;
        let preview = self.studio.previews().then_some(PREVIEW);
        let spec = launch::spec(plan, folder.path())
            .map_err(|error| system(&error))?
            .args(arguments::context(plan, &self.studio.settings))
            .args(arguments::request(order, &files, preview));
        let child = launch::spawn(&self.supervisor, spec, self.log.clone(), self.parent_death_signal);
        let child = child.await.map_err(|error| system(&error))?;
        self.pid.store(child.pid(), std::sync::atomic::Ordering::Relaxed);
        Ok(Running { child: Some(child), folder: Some(folder), turn: Some(turn), pid: Arc::clone(&self.pid) })
    }

    /// Follows it to its end, and reads what it wrote.
    async fn follow(
        &self,
        order: &Order,
        running: &mut Running,
        events: &mpsc::Sender<ImageEvent>,
    ) -> (Exit, Result<Painting, ImageError>) {
        let (Some(child), Some(folder)) = (&running.child, &running.folder) else {
            let exit = Exit { status: ExitStatus::Unknown, last_lines: Vec::new(), asked: true };
            return (exit, Err(failed("sd-cli was not started", "Send the request again.")));
        };
        let files = Files::new(folder.path().to_owned(), order.format);
        let mut follower = self.studio.follow(child, order.work(true), events, true).await;
        let wanted = if self.studio.previews() { order.previews } else { 0 };
        let mut previews = Previews::new(wanted, order.steps);
        let ended = child.exit();
        let exit = loop {
            tokio::select! {
                exit = ended.wait() => break exit,
                mark = follower.next() => {
                    if mark.is_some_and(|mark| previews.due(mark))
                        && let Ok(bytes) = tokio::fs::read(files.preview()).await
                        && let Some(partial) = previews.show(bytes)
                    {
                        follower.show(partial);
                    }
                }
            }
        };
        follower.rest().await;
        let painted = self.read(order, &exit, &files, &mut follower).await;
        (exit, painted)
    }

    /// The images, if all are there and whole: its code is 0 also when the disk was full.
    async fn read(
        &self,
        order: &Order,
        exit: &Exit,
        files: &Files,
        follower: &mut Follower<'_>,
    ) -> Result<Painting, ImageError> {
        let died = |exit| loras::blamed(of_exit(exit, "sd-cli"), &order.loras);
        let mut images = Vec::new();
        for index in 0..order.images {
            match tokio::fs::read(files.image(index)).await {
                Ok(bytes) => images.push(bytes),
                Err(_) if exit.status.success() => return Err(disk_full()),
                Err(_) => return Err(died(exit)),
            }
        }
        if !exit.status.success() {
            return Err(died(exit));
        }
        self.studio.painting(order, images, follower, true)
    }
}

/// Why there is no image where `sd-cli` could not be started.
fn system(error: &loadmaster_core::BackendError) -> ImageError {
    let remedy = loadmaster_core::Remedy::remedy(error);
    if error.to_string().contains("No space left") {
        return disk_full();
    }
    failed(&error.to_string(), &remedy)
}

/// Why there is no image where the files of a request could not be written.
pub(crate) fn not_written(error: &std::io::Error) -> ImageError {
    if error.kind() == std::io::ErrorKind::StorageFull {
        return disk_full();
    }
    let remedy = "Check the state folder of Loadmaster, and the files of the LoRAs.";
    failed(&format!("The files of the request could not be laid out: {error}"), remedy)
}
