//! wip
mod disk;
mod error;
mod job;
mod manifest;
mod safetensors;
mod sha256;
pub use crate::{
    error::ModelsError,
    job::{Job, Progress, ProgressStream, Step},
    manifest::*,
    safetensors::*,
    sha256::Sha256,
};
