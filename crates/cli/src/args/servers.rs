//! What servers may take, and how they are run.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use loadmaster_orchestrator::Budget;

/// What servers may take, and how they are run.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Memory and servers")]
pub(crate) struct ServerArgs {
    /// What may be taken of a device: "host=12 GiB", "gpu0=80 %"; may be repeated
    #[arg(long = "budget", env = "LOADMASTER_BUDGETS", value_name = "DEVICE=AMOUNT",
          value_delimiter = ',', value_parser = budget, hide_env_values = true)]
    pub(crate) budgets: Vec<(String, Budget)>,
    /// The llama-server to use, or its folder [default: the installed one, else the first on PATH]
    #[arg(long, env = "LOADMASTER_LLAMA_SERVER", value_name = "PATH", hide_env_values = true)]
    pub(crate) llama_server: Option<PathBuf>,
    /// The sd-server to use [default: the installed one, else the first on PATH]
    #[arg(
        long,
        env = "LOADMASTER_SD_SERVER",
        value_name = "PATH",
        hide_env_values = true,
        hide_short_help = true
    )]
    pub(crate) sd_server: Option<PathBuf>,
    /// The sd-cli to use [default: the installed one, else the first on PATH]
    #[arg(
        long,
        env = "LOADMASTER_SD_CLI",
        value_name = "PATH",
        hide_env_values = true,
        hide_short_help = true
    )]
    pub(crate) sd_cli: Option<PathBuf>,
    /// How llama-server is reached [default: auto, a Unix socket where there are any]
    #[arg(
        long,
        env = "LOADMASTER_LLAMA_TRANSPORT",
        hide_env_values = true,
        value_name = "HOW",
        hide_short_help = true
    )]
    pub(crate) llama_transport: Option<Transport>,
    /// Seconds that a model which is told to stop may finish its answers [default: 30]
    #[arg(
        long,
        env = "LOADMASTER_DRAIN",
        hide_env_values = true,
        value_name = "SECONDS",
        hide_short_help = true
    )]
    pub(crate) drain: Option<u64>,
    /// Seconds that a request waits before the models in its way give it their place [default: 10]
    #[arg(
        long,
        env = "LOADMASTER_TURN",
        hide_env_values = true,
        value_name = "SECONDS",
        hide_short_help = true
    )]
    pub(crate) turn: Option<u64>,
    /// Seconds that a request waits at most [default: 600]
    #[arg(
        long,
        env = "LOADMASTER_WAIT",
        hide_env_values = true,
        value_name = "SECONDS",
        hide_short_help = true
    )]
    pub(crate) wait: Option<u64>,
    /// Seconds without any progress after which a server is ended that has something to do; 0 for never
    /// [default: 120]
    #[arg(
        long,
        env = "LOADMASTER_HANG",
        hide_env_values = true,
        value_name = "SECONDS",
        hide_short_help = true
    )]
    pub(crate) hang: Option<u64>,
}

/// How a server is reached.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Transport {
    Auto,
    Unix,
    Tcp,
}

pub(super) fn budget(text: &str) -> Result<(String, Budget), String> {
    let (device, amount) = text.split_once('=').ok_or("write it like host=12 GiB or gpu0=80 %".to_owned())?;
    Ok((device.trim().to_owned(), amount.parse()?))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::Args as CommandLine;

    #[test]
    fn budgets_are_read() {
        let line = ["loadmaster", "serve", "--budget", "host=12 GiB", "--budget", "gpu0=80 %"];
        let budgets = CommandLine::parse_from(line).command.server().budgets;
        assert_eq!(budgets[1], ("gpu0".to_owned(), Budget::Percent(80)));
        assert!(CommandLine::try_parse_from(["loadmaster", "serve", "--budget", "12 GiB"]).is_err());
    }
}
