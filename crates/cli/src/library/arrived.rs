//! What is said of a model that has come into the library.

use loadmaster_core::Bytes;
use loadmaster_models::{Kind, Manifest};

/// Its name, its size, and the command to begin with.
pub(crate) fn arrived(manifest: &Manifest) -> String {
    let name = &manifest.name;
    let command = match manifest.kind {
        Kind::Llm => format!("loadmaster run {name}"),
        Kind::Diffusion => format!("loadmaster image {name} \"PROMPT\""),
        _ => format!("loadmaster show {name}"),
    };
    format!("{name}, {}; {command}\n", Bytes(manifest.size()))
}
