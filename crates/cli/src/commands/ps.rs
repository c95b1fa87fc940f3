//! `loadmaster ps`

use std::{fmt::Write as _, process::ExitCode};

use loadmaster_core::{Bytes, DeviceEstimate, Estimate, InstanceState, Remedy};
use loadmaster_orchestrator::{ModelStatus, Status};
use reqwest::Method;

use crate::{Failed, args::PsArgs, commands::stop, config::Config, printed::print, table};

pub(crate) async fn execute(args: PsArgs, config: &Config) -> Result<ExitCode, Failed> {
    let body = stop::ask(config, Method::GET, "/api/v1/instances").await?;
    let status: Status = serde_json::from_str(&body)
        .map_err(|error| Failed::because(format!("The answer of Loadmaster could not be read: {error}")))?;
    if args.json {
        print(&format!("{body}\n"))?;
    } else {
        print(&shown(&status))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(status: &Status) -> String {
    let header = ["MODEL", "STATE", "PID", "REQUESTS", "WAITING", "MEMORY"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(status.models.iter().map(row));
    let mut text = table::lined_up(&rows);
    for model in &status.models {
        if let Some(InstanceState::Crashed { failure }) =
            model.instance.as_ref().map(|instance| &instance.state)
        {
            // Writing into a string cannot fail.
            let _ = write!(text, "\n{} crashed: {failure}\n  help: {}\n", model.id, failure.remedy());
        }
    }
    text
}

fn row(model: &ModelStatus) -> Vec<String> {
    let none = || "-".to_owned();
    let waiting = model.waiting.to_string();
    let Some(instance) = &model.instance else {
        return vec![model.id.clone(), "unloaded".to_owned(), none(), none(), waiting, none()];
    };
    let alive = instance.state.is_alive();
    let taken = instance.actual.as_ref().unwrap_or(&instance.predicted);
    vec![
        model.id.clone(),
        instance.state.name().to_owned(),
        instance.pid.filter(|_| alive).map_or_else(none, |pid| pid.to_string()),
        instance.leases.to_string(),
        waiting,
        if alive { memory(taken) } else { none() },
    ]
}

fn memory(estimate: &Estimate) -> String {
    let device = |part: &DeviceEstimate| format!("{} {}", part.device, Bytes(part.total()));
    estimate.devices.iter().map(device).collect::<Vec<_>>().join(", ")
}
