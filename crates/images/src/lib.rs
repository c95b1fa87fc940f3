//! The words of image generation, and the protocol that an instance of an image model speaks.
//!
//! A [`Painter`] makes images; [`router`] serves one over HTTP. Who asks for images writes an
//! [`ImageRequest`], and reads what comes back with [`Answer`] or, as a stream, with [`StreamReader`].
//! The crate knows no model, no server program and no Loadmaster.
//!
//! # The protocol
//!
//! | request | answer |
//! |---|---|
//! | `GET /health` | `{"status": "ok"}` while the painter lives |
//! | `GET /v1/images/capabilities` | [`Capabilities`] |
//! | `POST /v1/images/generations` | [`Answer`], or a stream of events |
//! | `POST /v1/images/edits` | the same, for a request that has an `image` and maybe a `mask`, both in base64 |
//!
//! Bodies are JSON always. [`ImageRequest`] lists the fields; others are ignored, and a value that cannot be
//! is refused with the field's name. Wrong requests never reach the painter.
//!
//! With `"stream": true` the answer is a stream of server-sent events, named as OpenAI names them
//! (`image_edit.` for edits):
//!
//! | event | fields beside `type` |
//! |---|---|
//! | `image_generation.progress` | those of [`Progress`]; not with `"progress": false`, for clients that know OpenAI's events alone |
//! | `image_generation.partial_image` | `b64_json`, `partial_image_index`, `image`, `size`, `output_format`, `created_at` |
//! | `image_generation.completed` | those of [`Completed`], one event for each image |
//! | `error` | `{"error": {"code", "message", "remedy"}}`; nothing comes after it |
//!
//! Comments keep the stream alive while nothing happens. A client that disconnects cancels: the future of
//! [`Painter::paint`] is dropped. Errors are [`ImageError`], with the status that its code has.

mod answer;
mod base64;
mod capabilities;
mod error;
mod exif;
mod fields;
mod form;
mod format;
mod jpeg;
mod painter;
mod picture;
pub mod png;
mod progress;
mod request;
#[cfg(feature = "server")]
mod server;
mod size;
mod stream_event;
mod stream_reader;
mod webp;

#[cfg(feature = "server")]
pub use self::server::{REQUEST_LIMIT, guarded, router};
pub use self::{
    answer::{Answer, AnswerImage},
    base64::{decode as decode_base64, encode as encode_base64},
    capabilities::{Capabilities, Defaults, Limits},
    error::{ErrorCode, ImageError},
    form::form_field,
    format::ImageFormat,
    painter::{ImageEvent, Painted, Painter, Painting, Partial},
    picture::Picture,
    progress::{Progress, Stage, Timings},
    request::{ImageRequest, Lora, MAX_IMAGES, MAX_PARTIAL_IMAGES, Task},
    size::{BadSize, Size},
    stream_event::{Completed, PartialImage, StreamEvent},
    stream_reader::StreamReader,
};
