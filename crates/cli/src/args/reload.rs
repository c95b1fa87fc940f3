//! What changes while `serve` runs, and what survives its end.

use clap::Args;

use super::ListenArgs;

#[derive(Debug, Args)]
pub(crate) struct ReloadArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
}

/// What survives the end of `serve`.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ResumeArgs {
    /// Load again what was loaded when the last one ended [default: false]
    #[arg(
        long,
        env = "LOADMASTER_RESUME",
        hide_env_values = true,
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true
    )]
    pub(crate) resume: Option<bool>,
}
