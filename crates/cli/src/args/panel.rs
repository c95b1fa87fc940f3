//! `loadmaster panel`

use clap::Args;

use super::ListenArgs;

#[derive(Debug, Args)]
pub(crate) struct PanelArgs {
    /// Print its address instead of opening it
    #[arg(long)]
    pub(crate) print: bool,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
}
