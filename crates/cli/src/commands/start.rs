//! `loadmaster start`

use std::process::ExitCode;

use loadmaster_orchestrator::ModelStatus;
use reqwest::{Method, header::HeaderName};
use serde_json::json;

use super::ps;
use crate::{Failed, args::StartArgs, config::Config, daemon, printed::print};

/// How long a model stays loaded with nothing to do.
const KEEP_ALIVE: HeaderName = HeaderName::from_static("x-loadmaster-keep-alive");

pub(crate) async fn execute(args: StartArgs, config: &Config) -> Result<ExitCode, Failed> {
    let model = &args.model;
    let path = format!("/api/v1/instances/{}?wait={}", daemon::escaped(model), !args.no_wait);
    let headers = args.keep_alive.into_iter().map(|time| (KEEP_ALIVE, time)).collect();
    let settings = args.load.settings();
    let body = (!settings.is_empty()).then(|| json!({ "settings": settings }));
    let answer = daemon::ask_with(config, Method::POST, &path, headers, body.as_ref()).await?;
    let started: ModelStatus = daemon::read(&answer)?;
    let instance = started.instance.filter(|_| !args.no_wait);
    print(&match instance {
        Some(instance) => format!("started {model}: {}\n", ps::memory(instance.taken())),
        None => format!("starting {model}; `loadmaster ps` shows how far it is\n"),
    })?;
    Ok(ExitCode::SUCCESS)
}
