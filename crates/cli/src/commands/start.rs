//! `loadmaster start`

use std::process::ExitCode;

use loadmaster_orchestrator::ModelStatus;
use reqwest::Method;

use super::ps;
use crate::{Failed, args::StartArgs, config::Config, daemon, printed::print};

pub(crate) async fn execute(args: StartArgs, config: &Config) -> Result<ExitCode, Failed> {
    let model = &args.model;
    let path = format!("/api/v1/instances/{}?wait={}", daemon::escaped(model), !args.no_wait);
    let started: ModelStatus = daemon::read(&daemon::ask(config, Method::POST, &path).await?)?;
    let instance = started.instance.filter(|_| !args.no_wait);
    print(&match instance {
        Some(instance) => format!("started {model}: {}\n", ps::memory(instance.taken())),
        None => format!("starting {model}; `loadmaster ps` shows how far it is\n"),
    })?;
    Ok(ExitCode::SUCCESS)
}
