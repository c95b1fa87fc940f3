//! Every environment variable that `xtask` reads or hands to the tests.

use std::ffi::OsString;
use std::path::PathBuf;

/// Reads: the folder of the fixtures, instead of `<cache>/loadmaster/fixtures`.
pub(crate) const FIXTURES: &str = "LOADMASTER_FIXTURES";

/// Reads and hands on: the `llama-server` that the tests run.
pub(crate) const TEST_LLAMA_SERVER: &str = "LOADMASTER_TEST_LLAMA_SERVER";

/// Reads and hands on: the GGUF file of the tests' model.
pub(crate) const TEST_SMOLLM2: &str = "LOADMASTER_TEST_SMOLLM2";

/// Reads and hands on: the `sd-cli` of stable-diffusion.cpp that the tests run.
pub(crate) const TEST_SD_CLI: &str = "LOADMASTER_TEST_SD_CLI";

/// Reads and hands on: the `sd-server` of stable-diffusion.cpp that the tests run.
pub(crate) const TEST_SD_SERVER: &str = "LOADMASTER_TEST_SD_SERVER";

/// Hands on: the folder of image models with random weights.
pub(crate) const TEST_SD_MODELS: &str = "LOADMASTER_TEST_SD_MODELS";

/// Hands on: the folder of `LoRAs` for them.
pub(crate) const TEST_SD_LORAS: &str = "LOADMASTER_TEST_SD_LORAS";

/// Hands on: a Python that can import the OpenAI client.
pub(crate) const TEST_PYTHON: &str = "LOADMASTER_TEST_PYTHON";

/// Hands on: the `loadmaster` command, built with the dev profile.
pub(crate) const TEST_BIN: &str = "LOADMASTER_TEST_BIN";

/// Hands on: the `loadmaster` command as it ships.
pub(crate) const TEST_BIN_RELEASE: &str = "LOADMASTER_TEST_BIN_RELEASE";

/// Hands on: how often tests kill processes at random moments.
pub(crate) const TEST_KILLS: &str = "LOADMASTER_TEST_KILLS";

/// The value of `name`, unless it is unset or empty.
#[expect(clippy::disallowed_methods, reason = "this module is where xtask reads the environment")]
pub(crate) fn value(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The value of `name` as a path.
pub(crate) fn path(name: &str) -> Option<PathBuf> {
    value(name).map(PathBuf::from)
}

/// Whether this is a run of continuous integration, by the `CI` variable that all providers set.
pub(crate) fn is_ci() -> bool {
    value("CI").is_some_and(|value| value != "false")
}
