//! Whoever makes images.

use std::fmt::Debug;

use async_trait::async_trait;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use crate::{Capabilities, ImageError, ImageFormat, ImageRequest, Progress, Size, Timings};

/// What happens while images are made.
#[derive(Debug, Clone, PartialEq)]
pub enum ImageEvent {
    /// It has got on.
    Progress(Progress),
    /// What an image looks like so far.
    Partial(Partial),
}

/// What an image looks like so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partial {
    /// A whole file.
    pub bytes: Vec<u8>,
    /// In this format.
    pub format: ImageFormat,
    /// Which of the image's previews it is, from 0.
    pub index: u32,
    /// The image it is of, from 0.
    pub image: u32,
}

/// An image that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Painted {
    /// A whole file.
    pub bytes: Vec<u8>,
    /// In this format.
    pub format: ImageFormat,
    /// The seed that it came of.
    pub seed: u64,
}

/// All images of one request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Painting {
    /// The images, in order.
    pub images: Vec<Painted>,
    /// Their size; `None` if it is not known.
    pub size: Option<Size>,
    /// What they were made with, everything resolved, named as in [`ImageRequest`].
    pub parameters: Map<String, Value>,
    /// How long it took.
    pub timings: Timings,
}

/// Makes images.
///
/// [`router`](crate::router) serves it over HTTP, and hands it only requests that
/// [`Capabilities::check`] has passed.
#[async_trait]
pub trait Painter: Debug + Send + Sync {
    /// What it can do. Cheap: it is asked before each request.
    fn capabilities(&self) -> Capabilities;

    /// Makes the images that `request` asks for. May be called again before it has answered; who can make one at a
    /// time lets the others wait, and says so ([`Stage::Queued`](crate::Stage::Queued)).
    ///
    /// Dropping the future cancels: nothing is left behind, no process and no file.
    ///
    /// What happens meanwhile goes to `events`. It is best sent with
    /// [`try_send`](mpsc::Sender::try_send), and lost where nobody takes it: a client that reads slowly must not
    /// hold the painting up, and one that wants no events has closed the channel. Neither is an error.
    ///
    /// # Errors
    /// Why there are no images. Half a file is never an image: who has written one to a full disk says
    /// [`DiskFull`](crate::ErrorCode::DiskFull).
    async fn paint(
        &self,
        request: ImageRequest,
        events: mpsc::Sender<ImageEvent>,
    ) -> Result<Painting, ImageError>;
}
