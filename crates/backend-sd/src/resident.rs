//! Paints with an `sd-server` that keeps the model loaded, by its asynchronous API: the others occupy one of its few
//! threads for each request, and keep memory for each thread.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use loadmaster_images::{
    Capabilities, ErrorCode, ImageError, ImageEvent, ImageRequest, Painter, Painting, decode_base64,
    encode_base64,
};
use loadmaster_supervise::{Child, Exit, ExitStatus};
use loadmaster_upstream::{Method, Upstream};
use serde_json::{Value, json};
use tokio::sync::{OwnedMutexGuard, mpsc};

use crate::{
    diagnose::{failed, of_exit, of_job},
    log::Mark,
    loras,
    one_shot::not_written,
    order::{COMPRESSION, Order},
    studio::{Follower, Studio},
};

/// How often a job is asked for that is not done. Its lines tell when it is.
const POLL: Duration = Duration::from_millis(100);

/// How often it is asked for once its lines say that it is done.
const POLL_AT_THE_END: Duration = Duration::from_millis(2);

/// How long one answer may take. It answers within a millisecond, also while it paints.
const PATIENCE: Duration = Duration::from_secs(30);

/// Paints with `sd-server`.
#[derive(Debug)]
pub(crate) struct Resident {
    pub(crate) studio: Studio,
    pub(crate) upstream: Upstream,
    pub(crate) child: Arc<Child>,
    /// The pixels of the largest image so far: the process's peak is that image's.
    pub(crate) largest: AtomicU64,
    /// Where the server works.
    pub(crate) folder: PathBuf,
}

/// A job of the server. It cannot be called off while it is painted: when this is dropped before it is done, the server
/// ends, and the turn with it.
struct Job {
    child: Arc<Child>,
    turn: Option<OwnedMutexGuard<()>>,
    done: bool,
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.done || self.child.exit().now().is_some() {
            return;
        }
        let (child, turn) = (Arc::clone(&self.child), self.turn.take());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                child.stop(Duration::ZERO).await;
                drop(turn);
            });
        }
    }
}

#[async_trait]
impl Painter for Resident {
    fn capabilities(&self) -> Capabilities {
        self.studio.capabilities()
    }

    async fn paint(
        &self,
        request: ImageRequest,
        events: mpsc::Sender<ImageEvent>,
    ) -> Result<Painting, ImageError> {
        let order = self.studio.order(request).await?;
        let turn = self.studio.turn(&order, &events).await;
        if let Some(exit) = self.child.exit().now() {
            return Err(self.ended(&exit, &events).await);
        }
        loras::lay_out(&self.folder, &order.loras).await.map_err(|error| not_written(&error))?;
        let mut follower = self.studio.follow(&self.child, order.work(false), &events, false).await;
        let mut job = Job { child: Arc::clone(&self.child), turn: Some(turn), done: false };
        let ended = self.child.exit();
        let outcome = tokio::select! {
            biased;
            outcome = self.work(&order, &mut follower) => outcome,
            exit = ended.wait() => Err(loras::blamed(self.ended(&exit, &events).await, &order.loras)),
        };
        // A server that cannot be asked is not to be trusted with the next request.
        job.done = !matches!(&outcome, Err(error) if error.code == ErrorCode::Other(BROKEN.to_owned()));
        match outcome? {
            files if files.len() == usize::try_from(order.images).unwrap_or(usize::MAX) => {
                if !order.loras.is_empty() {
                    follower.end().await;
                }
                let pixels = order.size.pixels();
                let largest = self.largest.fetch_max(pixels, Ordering::Relaxed) <= pixels;
                self.studio.painting(&order, files, &mut follower, largest)
            }
            files => {
                let message = format!("sd-server made {} images of {}", files.len(), order.images);
                Err(failed(&message, "Send the request again; look at the server's log if it stays."))
            }
        }
    }
}

/// A code of our own, never shown: the server broke the connection.
const BROKEN: &str = "connection_broken";

impl Resident {
    /// Has the server paint, and waits for the files.
    async fn work(&self, order: &Order, follower: &mut Follower<'_>) -> Result<Vec<Vec<u8>>, ImageError> {
        let submitted = self.ask(Method::POST, "/sdcpp/v1/img_gen", Some(&body(order))).await?;
        let Some(id) = submitted["id"].as_str() else {
            let said = submitted["message"].as_str().or(submitted["error"].as_str()).unwrap_or("no job");
            return Err(failed(
                &format!("sd-server refused the request: {said}"),
                "Look at the server's log.",
            ));
        };
        let path = format!("/sdcpp/v1/jobs/{id}");
        let mut every = POLL;
        loop {
            let wait = tokio::time::sleep(every);
            tokio::pin!(wait);
            loop {
                tokio::select! {
                    biased;
                    mark = follower.next(), if every == POLL => if mark == Some(Mark::Done) {
                        every = POLL_AT_THE_END;
                        break;
                    },
                    () = &mut wait => break,
                }
            }
            let job = self.ask(Method::GET, &path, None).await?;
            match job["status"].as_str() {
                Some("completed") => return images(&job),
                Some("queued" | "generating") => {}
                _ => {
                    let message = job["error"]["message"]
                        .as_str()
                        .or(job["error"].as_str())
                        .unwrap_or("it did not say why");
                    return Err(of_job(message, &follower.said));
                }
            }
        }
    }

    /// Asks the server, which answers JSON.
    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, ImageError> {
        let broken = |error: loadmaster_upstream::RequestError| {
            let message = format!("The connection to sd-server broke: {error}");
            ImageError::new(ErrorCode::Other(BROKEN.to_owned()), message, "Send the request again.")
        };
        let request = self.upstream.request(method, path).timeout(PATIENCE);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        // A server that dies breaks the connection first: its end is what counts.
        match request.send().await {
            Ok(answer) => match answer.json().await {
                Ok(json) => Ok(json),
                Err(error) => Err(self.unless_dead(broken(error)).await),
            },
            Err(error) => Err(self.unless_dead(broken(error)).await),
        }
    }

    /// `error`, unless the server dies now: then this never answers, for whoever waits for its end does.
    async fn unless_dead(&self, error: ImageError) -> ImageError {
        let ended = self.child.exit();
        if tokio::time::timeout(Duration::from_secs(1), ended.wait()).await.is_ok() {
            std::future::pending::<()>().await;
        }
        error
    }

    /// What is answered when the server has ended. Where somebody killed it and nothing was sent yet, nothing is
    /// answered: the connection is cut when the instance ends, and the request can be sent again.
    async fn ended(&self, exit: &Exit, events: &mpsc::Sender<ImageEvent>) -> ImageError {
        if was_killed(exit) && events.is_closed() {
            std::future::pending::<()>().await;
        }
        of_exit(exit, "sd-server")
    }
}

/// Whether somebody ended it, rather than its own work.
pub(crate) fn was_killed(exit: &Exit) -> bool {
    exit.asked
        || matches!(exit.status, ExitStatus::Signal { name: "SIGKILL" | "SIGTERM" | "SIGINT" | "SIGHUP", .. })
}

/// The request in the server's words.
fn body(order: &Order) -> Value {
    let mut sample = json!({
        "sample_steps": order.steps,
        "guidance": { "txt_cfg": order.cfg_scale, "distilled_guidance": order.guidance },
    });
    if let Some(sampler) = &order.sampler {
        sample["sample_method"] = json!(sampler);
    }
    if let Some(scheduler) = &order.scheduler {
        sample["scheduler"] = json!(scheduler);
    }
    let link = |(index, lora)| json!({ "path": loras::link_name(index, lora), "multiplier": lora.scale });
    let loras: Vec<Value> = order.loras.iter().enumerate().map(link).collect();
    let mut body = json!({
        "prompt": order.prompt,
        "negative_prompt": order.negative_prompt,
        "width": order.size.width,
        "height": order.size.height,
        "seed": order.seed,
        "batch_count": order.images,
        "sample_params": sample,
        "lora": loras,
        "output_format": order.format.name(),
        "output_compression": order.compression.unwrap_or(COMPRESSION),
    });
    if let Some(skip) = order.clip_skip {
        body["clip_skip"] = json!(skip);
    }
    if let Some(init) = &order.init {
        body["init_image"] = json!(encode_base64(init));
        body["strength"] = json!(order.strength);
    }
    if let Some(mask) = &order.mask {
        body["mask_image"] = json!(encode_base64(mask));
    }
    body
}

/// The files of a job that is done, in order.
fn images(job: &Value) -> Result<Vec<Vec<u8>>, ImageError> {
    let mut images: Vec<&Value> = job["result"]["images"].as_array().into_iter().flatten().collect();
    images.sort_by_key(|image| image["index"].as_u64());
    let bytes = |image: &Value| image["b64_json"].as_str().and_then(decode_base64);
    let read: Option<Vec<Vec<u8>>> = images.into_iter().map(bytes).collect();
    read.ok_or_else(|| failed("sd-server sent an image that cannot be read", "Send the request again."))
}
