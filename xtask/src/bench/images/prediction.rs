//! What our own formulas say of the same image.

use anyhow::Result;
use loadmaster_checkpoint::{Runs, memory};

use super::Way;
use super::case::{Case, Folders};

/// Bytes that are predicted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prediction {
    /// The most at any time: what is reserved.
    pub(super) peak: u64,
    /// The buffers of computing.
    pub(super) denoiser: u64,
    pub(super) decoder: u64,
}

pub(super) fn of(case: &Case, folders: &Folders, size: (u32, u32), way: Way) -> Result<Prediction> {
    let memory = memory::peak(&case.parts(folders)?, &case.ask(size))?;
    let runs = match way {
        Way::OneShot => Runs::OneShot,
        Way::Resident => Runs::Resident,
    };
    Ok(Prediction {
        peak: memory.peak(runs).host,
        denoiser: memory.denoiser.compute.host,
        decoder: memory.decoder.compute.host,
    })
}
