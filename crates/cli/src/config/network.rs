//! How servers in the network are reached: certificates, patience, the token for Hugging Face.

use std::{fmt, path::PathBuf, time::Duration};

use serde::Deserialize;

use crate::args::NetworkArgs;

/// Where Hugging Face is, if `HF_ENDPOINT` names no mirror.
const HUGGING_FACE: &str = "https://huggingface.co";

/// How long a server may send nothing, in seconds, if nothing else is said.
const STALL_TIMEOUT: u64 = 30;

/// `[network]` of `config.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Section {
    /// Certificates to trust beside the system's.
    pub(super) ca_file: Option<PathBuf>,
    /// Seconds that a server may send nothing.
    pub(super) stall_timeout: Option<u64>,
}

/// How servers in the network are reached.
#[derive(Clone)]
pub(crate) struct Network {
    /// Certificates in PEM form to trust beside the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// How long a server may send nothing.
    pub(crate) stall_timeout: Duration,
    /// The hub that the token is for: `HF_ENDPOINT`, as Hugging Face's own programs have it.
    pub(crate) hub: String,
    /// `HF_TOKEN`.
    pub(crate) hub_token: Option<String>,
}

impl Network {
    pub(super) fn new(args: NetworkArgs, section: Section) -> Self {
        let seconds = args.stall_timeout.or(section.stall_timeout).unwrap_or(STALL_TIMEOUT);
        Self {
            ca_file: args.ca_file.or(section.ca_file),
            // No time at all would break every connection.
            stall_timeout: Duration::from_secs(seconds.max(1)),
            hub: variable("HF_ENDPOINT").unwrap_or_else(|| HUGGING_FACE.to_owned()),
            hub_token: variable("HF_TOKEN"),
        }
    }
}

impl fmt::Debug for Network {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ca_file, stall_timeout, hub, hub_token: _ } = self;
        let mut shown = f.debug_struct("Network");
        shown.field("ca_file", ca_file).field("stall_timeout", stall_timeout).field("hub", hub);
        shown.finish_non_exhaustive()
    }
}

/// A variable that is not empty.
#[expect(clippy::disallowed_methods, reason = "this is the configuration, where the environment is read")]
fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok()?;
    Some(value.trim().to_owned()).filter(|value| !value.is_empty())
}
