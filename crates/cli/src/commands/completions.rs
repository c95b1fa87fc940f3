//! `loadmaster completions`

use std::process::ExitCode;

use clap::CommandFactory;

use crate::{
    Failed,
    args::{Args, CompletionsArgs},
    printed::print,
};

pub(crate) fn execute(args: &CompletionsArgs) -> Result<ExitCode, Failed> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "loadmaster", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
