//! How servers in the network are reached.

use std::path::PathBuf;

use clap::Args;

/// How servers in the network are reached, where a URL is given.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkArgs {
    /// Certificates to trust beside the system's: a PEM file
    #[arg(
        long,
        env = "LOADMASTER_CA_FILE",
        value_name = "FILE",
        hide_env_values = true,
        hide_short_help = true
    )]
    pub(crate) ca_file: Option<PathBuf>,
    /// Seconds that a server may send nothing [default: 30]
    #[arg(
        long,
        env = "LOADMASTER_STALL_TIMEOUT",
        hide_env_values = true,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..),
        hide_short_help = true
    )]
    pub(crate) stall_timeout: Option<u64>,
}
