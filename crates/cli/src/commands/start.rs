//! `loadmaster start`

use std::process::ExitCode;

use loadmaster_orchestrator::ModelStatus;
use reqwest::{Method, header::HeaderName};
use serde::Deserialize;
use serde_json::json;

use super::ps;
use crate::{Failed, args::StartArgs, config::Config, daemon, printed::print};

/// How long a model stays loaded with nothing to do.
const KEEP_ALIVE: HeaderName = HeaderName::from_static("x-loadmaster-keep-alive");

/// What a start answers.
#[derive(Debug, Deserialize)]
struct Started {
    #[serde(flatten)]
    model: ModelStatus,
    /// What came of the settings: `reloads`, `kept`, and where nothing is to be said of them others.
    #[serde(default)]
    change: String,
}

pub(crate) async fn execute(args: StartArgs, config: &Config) -> Result<ExitCode, Failed> {
    let model = &args.model;
    let path = format!("/api/v1/instances/{}?wait={}", daemon::escaped(model), !args.no_wait);
    let headers = args.keep_alive.into_iter().map(|time| (KEEP_ALIVE, time)).collect();
    let settings = daemon::settings_of(model, &args.load.flags(), config).await?;
    let body = settings.map(|settings| json!({ "settings": settings }));
    let answer = daemon::ask_with(config, Method::POST, &path, headers, body.as_ref()).await?;
    let Started { model: status, change } = daemon::read(&answer)?;
    let instance = status.instance.filter(|_| !args.no_wait);
    print(&match (instance, change.as_str()) {
        (Some(instance), "reloads") => {
            format!("started {model} anew with these settings: {}\n", ps::memory(instance.taken()))
        }
        (Some(instance), "kept") => {
            format!("{model} runs that way already: {}\n", ps::memory(instance.taken()))
        }
        (Some(instance), _) => format!("started {model}: {}\n", ps::memory(instance.taken())),
        (None, _) => format!("starting {model}; `loadmaster ps` shows how far it is\n"),
    })?;
    Ok(ExitCode::SUCCESS)
}
