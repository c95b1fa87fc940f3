//! The events of an answer that is a stream.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{ErrorCode, ImageError, ImageFormat, Progress, Size, Task, Timings, base64::field};

/// What comes in a stream.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum StreamEvent {
    /// It has got on.
    Progress(Progress),
    /// What an image looks like so far.
    Partial(PartialImage),
    /// An image is done. Their number is in each of them.
    Completed(Box<Completed>),
    /// There will be no more images. Nothing comes after it.
    Failed(ImageError),
    /// A comment; the gateway tells in them who waits: `waiting, place 1 of 2: sd15 is painting`.
    Comment(String),
    /// Something that is not known.
    Unknown {
        /// The event's name.
        name: String,
        /// Its data.
        data: String,
    },
}

/// What an image looks like so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialImage {
    /// A whole file; `b64_json` in JSON.
    #[serde(rename = "b64_json", with = "field")]
    pub bytes: Vec<u8>,
    /// Which of the image's previews it is, from 0; `partial_image_index` in JSON.
    #[serde(rename = "partial_image_index")]
    pub index: u32,
    /// The image it is of, from 0.
    #[serde(default)]
    pub image: u32,
    /// The file's format; `output_format` in JSON.
    #[serde(default, rename = "output_format")]
    pub format: ImageFormat,
    /// The size of the finished image, where it was asked for.
    #[serde(default)]
    pub size: Option<Size>,
    /// When it was made, in seconds since 1970.
    #[serde(default)]
    pub created_at: u64,
}

/// An image that is done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Completed {
    /// Its whole file; `b64_json` in JSON.
    #[serde(rename = "b64_json", with = "field")]
    pub bytes: Vec<u8>,
    /// When it was made, in seconds since 1970.
    #[serde(default)]
    pub created_at: u64,
    /// Its size.
    #[serde(default)]
    pub size: Option<Size>,
    /// The file's format; `output_format` in JSON.
    #[serde(default, rename = "output_format")]
    pub format: ImageFormat,
    /// The seed that it came of.
    #[serde(default)]
    pub seed: u64,
    /// Which image of the request it is, from 0.
    #[serde(default)]
    pub image: u32,
    /// How many images the request has.
    #[serde(default)]
    pub images: u32,
    /// What it was made with, everything resolved.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// How long the whole request took.
    #[serde(default)]
    pub timings: Timings,
}

impl StreamEvent {
    /// As the name and the JSON of a server-sent event of a request for `task`; of a comment, its text alone.
    pub fn written(&self, task: Task) -> (String, String) {
        let named = |name: &str, value: Result<Value, serde_json::Error>| {
            let name = format!("{}.{name}", task.event_prefix());
            let mut all = Map::new();
            all.insert("type".to_owned(), json!(name));
            // None of these types has a key that is no text, which is all that could fail.
            if let Ok(Value::Object(fields)) = value {
                all.extend(fields);
            }
            (name, Value::Object(all).to_string())
        };
        match self {
            Self::Progress(progress) => named("progress", serde_json::to_value(progress)),
            Self::Partial(partial) => named("partial_image", serde_json::to_value(partial)),
            Self::Completed(completed) => named("completed", serde_json::to_value(completed)),
            Self::Failed(error) => ("error".to_owned(), error.body().to_string()),
            Self::Comment(text) => (String::new(), text.clone()),
            Self::Unknown { name, data } => (name.clone(), data.clone()),
        }
    }

    /// Reads one event. An error is told by its data, whatever its name: not everybody names it.
    pub fn read(name: &str, data: &str) -> Self {
        let unknown = || Self::Unknown { name: name.to_owned(), data: data.to_owned() };
        let Ok(value) = serde_json::from_str::<Value>(data) else { return unknown() };
        if let Some(error) = ImageError::of_body(&value) {
            return Self::Failed(error);
        }
        let kind = value.get("type").and_then(Value::as_str).unwrap_or(name);
        let kind = kind.rsplit('.').next().unwrap_or_default().to_owned();
        let read = match kind.as_str() {
            "progress" => Progress::deserialize(value).map(Self::Progress),
            "partial_image" => PartialImage::deserialize(value).map(Self::Partial),
            "completed" => Completed::deserialize(value).map(|completed| Self::Completed(completed.into())),
            "error" => Ok(Self::Failed(ImageError::new(ErrorCode::GenerationFailed, data, ""))),
            _ => return unknown(),
        };
        read.unwrap_or_else(|error| {
            let message = format!("An event of the stream cannot be read: {error}");
            Self::Failed(ImageError::new(ErrorCode::GenerationFailed, message, "Send the request again."))
        })
    }
}
