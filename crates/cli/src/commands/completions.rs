//! `loadmaster completions`

use std::process::ExitCode;

use clap::CommandFactory;

use crate::args::{Args, CompletionsArgs};

pub(crate) fn execute(args: &CompletionsArgs) -> ExitCode {
    clap_complete::generate(args.shell, &mut Args::command(), "loadmaster", &mut std::io::stdout());
    ExitCode::SUCCESS
}
