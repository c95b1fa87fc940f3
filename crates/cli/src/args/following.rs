//! Commands that follow what a running `loadmaster serve` does.

use clap::Args;

use super::ListenArgs;

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// States to tell of besides, with commas between them: memory, jobs, downloads, library, builds, logs, settings
    #[arg(long, value_name = "NAMES", default_value = "", hide_default_value = true)]
    pub(crate) topics: String,
    /// Begin after the event with this number, as --json shows it, if it is still known
    #[arg(long, value_name = "ID")]
    pub(crate) since: Option<u64>,
    /// Print each event as one JSON object: its name, its number, what it tells
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
}
