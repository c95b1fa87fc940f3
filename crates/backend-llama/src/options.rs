//! The backend's section of the configuration.

use std::path::PathBuf;

use loadmaster_core::{BackendError, Bytes};
use loadmaster_upstream::Transport;
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::LlamaBackend;

/// The backend's section of the configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Options {
    /// The program, or its folder.
    pub(crate) server: Option<PathBuf>,
    pub(crate) transport: Transport,
    /// Linux: servers are killed by the kernel when this program ends, however it ends.
    pub(crate) parent_death_signal: bool,
    /// Whether the server is asked what a plan takes before its first start.
    pub(crate) ask: bool,
    /// Bytes of the disk that conversations may take which are kept over an unloading; 0 keeps none.
    #[serde(deserialize_with = "amount")]
    pub(crate) conversations: u64,
}

/// What conversations may take by default, in bytes: some thirty thousand tokens of an 8B model.
const CONVERSATIONS: u64 = 4 << 30;

/// Reads `4 GiB`.
fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse::<Bytes>().map(|bytes| bytes.0).map_err(D::Error::custom)
}

impl Default for Options {
    fn default() -> Self {
        Self {
            server: None,
            transport: Transport::default(),
            parent_death_signal: true,
            ask: true,
            conversations: CONVERSATIONS,
        }
    }
}

impl Options {
    /// Reads the section; all defaults without one.
    pub(crate) fn read(section: Option<&loadmaster_core::Settings>) -> Result<Self, BackendError> {
        let Some(section) = section else { return Ok(Self::default()) };
        Self::deserialize(serde_json::Value::Object(section.clone())).map_err(|error| {
            BackendError::BadConfiguration { backend: LlamaBackend::ID, cause: error.to_string() }
        })
    }
}
