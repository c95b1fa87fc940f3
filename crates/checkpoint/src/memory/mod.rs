//! Predicts what an image takes of memory, phase by phase.
//!
//! stable-diffusion.cpp works in three phases: the text encoders turn the prompt into numbers, the denoiser
//! turns noise into a latent image, the decoder turns that into pixels. Each phase takes its weights and a
//! buffer for its computation, whose size follows from the size of the image: width times height, whatever
//! their ratio. `sd-cli` frees the weights of a phase when it is over, and so peaks at the largest phase;
//! `sd-server` keeps all weights, and peaks at all of them and the largest buffer.

mod ask;
mod decoder;
mod denoiser;
mod program;
mod text;
mod weights;

use serde::Serialize;

pub use self::ask::{Ask, Gpu, Source};
use crate::{error::CheckpointError, missing::Runs, parts::Parts};

/// Bytes by place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Usage {
    /// Bytes of main memory.
    pub host: u64,
    /// Bytes of the graphics card's memory; 0 without one.
    pub device: u64,
}

impl Usage {
    pub(crate) const fn host(host: u64) -> Self {
        Self { host, device: 0 }
    }

    pub(crate) const fn plus(self, other: Self) -> Self {
        Self { host: self.host.saturating_add(other.host), device: self.device.saturating_add(other.device) }
    }

    /// The larger of both in each place.
    pub(crate) fn most(self, other: Self) -> Self {
        Self { host: self.host.max(other.host), device: self.device.max(other.device) }
    }
}

/// What one phase takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Phase {
    /// Its weights while it runs.
    pub weights: Usage,
    /// Its buffers while it runs.
    pub compute: Usage,
}

/// How far a prediction can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Basis {
    /// Peaks of real processes of this family, from words alone and in main memory, have been compared with it.
    Measured,
    /// Computed by the formulas of what was measured, for a family or a setting that was run at one or two sizes
    /// (image to image) or not at all (Stable Diffusion 2 and XL, `LoRA`, a card).
    Counted,
    /// An upper estimate by the nearest family that was measured; it was not run.
    Estimated,
}

/// What an image takes, by phase. All in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PhaseMemory {
    /// The text encoders.
    pub text: Phase,
    /// The denoiser (with what a `ControlNet` adds).
    pub denoiser: Phase,
    /// The decoder, with the weights that `sd-cli` loads for it.
    pub decoder: Phase,
    /// The encoder of pictures: its weights beyond the decoder's, and its buffers, which are only used for a
    /// picture ([`Ask::source`]). `sd-server` always loads the weights.
    pub encoder: Phase,
    /// The program itself while it runs.
    pub program: Usage,
    /// The most that `sd-cli` takes at any time: what is to be reserved for it.
    pub one_shot: Usage,
    /// The most that `sd-server` takes at any time: what is to be reserved for it.
    pub resident: Usage,
    /// What `sd-server` takes between images.
    pub idle: Usage,
    /// How far this can be trusted.
    pub basis: Basis,
}

impl PhaseMemory {
    /// What is to be reserved for a model that is run so.
    pub fn peak(&self, runs: Runs) -> Usage {
        match runs {
            Runs::Resident => self.resident,
            Runs::OneShot => self.one_shot,
        }
    }
}

/// Predicts what an image takes.
///
/// # Errors
/// [`CheckpointError::UnknownFamily`] if the tensors are those of no known family.
pub fn peak(parts: &Parts, ask: &Ask) -> Result<PhaseMemory, CheckpointError> {
    let family =
        parts.family().ok_or_else(|| CheckpointError::UnknownFamily { path: parts.main().path.clone() })?;
    Ok(program::schedule(parts, family, ask))
}

/// Bytes of a MiB.
const MIB: f64 = 1_048_576.0;

/// A number of bytes that was computed with fractions.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, and is never negative"
)]
fn bytes(bytes: f64) -> u64 {
    bytes.max(0.0).round() as u64
}
