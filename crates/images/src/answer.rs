//! The answer to a request that is not a stream.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{ImageFormat, Painting, Size, Timings, decode_base64, encode_base64};

/// All images of a request, in OpenAI's shape with more fields.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// When they were made, in seconds since 1970.
    pub created: u64,
    /// The images.
    pub data: Vec<AnswerImage>,
    /// Their files' format.
    #[serde(default)]
    pub output_format: ImageFormat,
    /// Their size.
    #[serde(default)]
    pub size: Option<Size>,
    /// What they were made with, everything resolved.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// How long it took.
    #[serde(default)]
    pub timings: Timings,
}

/// One image of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerImage {
    /// Its file in base64, unless it has a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub b64_json: Option<String>,
    /// Where its file is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The seed that it came of.
    #[serde(default)]
    pub seed: u64,
}

impl Answer {
    /// The answer that has what was painted.
    pub fn of(painting: &Painting, created: u64) -> Self {
        let image = |image: &crate::Painted| AnswerImage {
            b64_json: Some(encode_base64(&image.bytes)),
            url: None,
            seed: image.seed,
        };
        Self {
            created,
            data: painting.images.iter().map(image).collect(),
            output_format: painting.images.first().map(|image| image.format).unwrap_or_default(),
            size: painting.size,
            parameters: painting.parameters.clone(),
            timings: painting.timings,
        }
    }
}

impl AnswerImage {
    /// The file, if it is in the answer and can be read.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        self.b64_json.as_deref().and_then(decode_base64)
    }
}
