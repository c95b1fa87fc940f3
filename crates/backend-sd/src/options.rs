//! The backend's section of the configuration.

use std::path::PathBuf;

use loadmaster_core::BackendError;
use loadmaster_upstream::Transport;
use serde::Deserialize;

use crate::SdBackend;

/// The backend's section of the configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Options {
    /// `sd-server`, or its folder.
    pub(crate) server: Option<PathBuf>,
    /// `sd-cli`, or its folder.
    pub(crate) cli: Option<PathBuf>,
    /// How instances listen.
    pub(crate) transport: Transport,
    /// Linux: servers are killed by the kernel when this program ends, however it ends.
    pub(crate) parent_death_signal: bool,
    /// The port of `sd-server`; one that is free where there is none.
    pub(crate) port: Option<u16>,
}

impl Default for Options {
    fn default() -> Self {
        Self { server: None, cli: None, transport: Transport::default(), parent_death_signal: true, port: None }
    }
}

impl Options {
    /// Reads the section; all defaults without one.
    pub(crate) fn read(section: Option<&loadmaster_core::Settings>) -> Result<Self, BackendError> {
        let Some(section) = section else { return Ok(Self::default()) };
        Self::deserialize(serde_json::Value::Object(section.clone())).map_err(|error| {
            BackendError::BadConfiguration { backend: SdBackend::ID, cause: error.to_string() }
        })
    }
}
