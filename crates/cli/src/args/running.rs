//! Where `loadmaster serve` listens, and the commands that speak of its models.

use std::path::PathBuf;

use clap::Args;
use reqwest::header::HeaderValue;

use super::LoadArgs;

/// Where `serve` listens, and where the commands find it that speak to it.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ListenArgs {
    /// The address that `loadmaster serve` listens on [default: 127.0.0.1:11611]
    #[arg(long, env = "LOADMASTER_LISTEN", value_name = "ADDRESS:PORT", hide_env_values = true)]
    pub(crate) listen: Option<String>,
    /// What clients must know; better kept in a file
    #[arg(long, env = "LOADMASTER_TOKEN", hide_env_values = true, hide = true, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
    /// The file with the token that clients need; made if it is missing. Needed to listen beyond this machine
    #[arg(
        long,
        env = "LOADMASTER_TOKEN_FILE",
        hide_env_values = true,
        value_name = "FILE",
        hide_short_help = true
    )]
    pub(crate) token_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PsArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// The model's name, as `loadmaster ps` shows it
    pub(crate) model: String,
    /// Return at once instead of when it is ready
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Unload it after so many seconds without a request, until a request says otherwise; `forever` is never
    #[arg(long, value_name = "SECONDS")]
    pub(crate) keep_alive: Option<HeaderValue>,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PlanOfArgs {
    /// The model's name, as `loadmaster ps` shows it
    pub(crate) model: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StopArgs {
    /// The model's name, as `loadmaster ps` shows it
    pub(crate) model: String,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
}
