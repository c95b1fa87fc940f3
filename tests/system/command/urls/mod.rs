//! `inspect` and `estimate` of models on a server.

mod answers;
mod api;
pub(super) mod fake_hub;
mod faults;
mod hubs;
mod split;
mod trust;

#[cfg(unix)]
mod waiting;

use std::{path::Path, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use super::{Ended, empty_folder, ended};
use crate::support::{loadmaster, smollm2};

/// `loadmaster COMMAND PLACE`, with nothing of this machine's settings for the network.
pub(super) fn command(home: &Path, command: &str, place: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut loadmaster = loadmaster(home);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "HF_TOKEN", "HF_ENDPOINT", "SSL_CERT_FILE"] {
        loadmaster.env_remove(name).env_remove(name.to_lowercase());
    }
    loadmaster.arg(command).arg(place);
    loadmaster
}

/// Runs `loadmaster inspect PLACE` with `options`.
fn inspect(place: impl AsRef<std::ffi::OsStr>, options: &[&str]) -> Ended {
    let home = empty_folder();
    ended(command(home.path(), "inspect", place).args(options))
}

/// What `loadmaster inspect` says of the real model's file.
fn smollm2_inspected() -> Value {
    inspect(smollm2(), &["--json"]).json()
}

/// Length of the real model's header, in bytes.
fn smollm2_header() -> u64 {
    loadmaster_gguf::Header::open(smollm2()).expect("a model").header_bytes()
}

/// A folder with a file of this content.
fn folder_with(name: &str, content: &[u8]) -> TempDir {
    let folder = empty_folder();
    std::fs::write(folder.path().join(name), content).expect("the folder is writable");
    folder
}
