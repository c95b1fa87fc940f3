//! How far a request is, and how long its parts took.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is being done for a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It waits for another one to end.
    #[default]
    Queued,
    /// The model is read.
    Loading,
    /// The prompt is encoded.
    Text,
    /// The denoiser takes its steps.
    Sampling,
    /// The pixels are decoded from the latent image.
    Decoding,
}

impl Stage {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Loading => "loading",
            Self::Text => "text",
            Self::Sampling => "sampling",
            Self::Decoding => "decoding",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// How far a request is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Steps of this stage that are done; 0 where the stage has none.
    pub step: u32,
    /// Steps of this stage; 0 where it has none.
    pub steps: u32,
    /// The image that is worked on, counted from 0.
    pub image: u32,
    /// How many images there will be.
    pub images: u32,
    /// What is done of the whole request, 0 to 1; never falls.
    pub fraction: f64,
    /// How much longer it will take, in milliseconds, where that can be told.
    pub eta_ms: Option<u64>,
}

/// How long the parts of a request took, in milliseconds; 0 for what was not done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timings {
    /// Reading the model.
    pub load_ms: u64,
    /// Encoding the prompt.
    pub text_ms: u64,
    /// Sampling, over all images.
    pub sampling_ms: u64,
    /// Decoding, over all images.
    pub decoding_ms: u64,
    /// From the request to its last image.
    pub total_ms: u64,
}
