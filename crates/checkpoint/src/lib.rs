//! Reads the headers of image models' files: which family they are, which parts they have, what is missing
//! before a start, and how much memory an image takes by phase.
//!
//! It is to the models of stable-diffusion.cpp what `loadmaster-gguf` is to those of llama.cpp. A
//! [`Checkpoint`] is one file: safetensors, GGUF or `PyTorch`'s zip. [`Parts`] is a model as it is run: a main
//! file and components by [`Role`]. [`memory::peak`] predicts what it takes.
//!
//! ```no_run
//! use loadmaster_checkpoint::{Parts, Role, Runs, memory};
//!
//! # fn main() -> Result<(), loadmaster_checkpoint::CheckpointError> {
//! let parts = Parts::open("sd15.safetensors")?.with(Role::Taesd, "taesd.safetensors")?;
//! println!("{:?}", parts.family());
//! for missing in parts.missing(Runs::Resident) {
//!     println!("{missing}");
//! }
//! let phases = memory::peak(&parts, &memory::Ask::of(512, 512))?;
//! println!("{} bytes", phases.one_shot.host);
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//! - Any bytes give a header or a [`CheckpointError`]: no panic, no endless loop, no deep recursion.
//! - Tensor data is never read, and no pickle is ever run.
//! - Files whose tensors share bytes are read, as stable-diffusion.cpp reads them
//!   ([`SafetensorsHeader::shared_bytes`]).
//!
//! # Limitations
//! - Of a `PyTorch` checkpoint only what its format is can be told: it must be converted first.
//! - The memory of families other than Stable Diffusion 1, Flux and Ovis-Image, and of graphics cards, has not
//!   been compared with the engine ([`memory::PhaseMemory::basis`]).

mod checkpoint;
mod contents;
mod error;
mod family;
pub mod memory;
mod missing;
mod names;
mod parts;
mod role;
mod safetensors;
mod tensor;

pub use crate::{
    checkpoint::{Checkpoint, Format},
    contents::Contents,
    error::CheckpointError,
    family::{Defaults, Family, Task},
    missing::{Missing, Otherwise, Runs},
    parts::Parts,
    role::Role,
    safetensors::{MAX_SAFETENSORS_HEADER_BYTES, SafeTensor, SafetensorsError, SafetensorsHeader},
    tensor::{Encoding, Tensor},
};
