//! `loadmaster ps`

use std::{fmt::Write as _, process::ExitCode};

use loadmaster_core::{Bytes, DeviceEstimate, DeviceId, Estimate, InstanceState, Remedy};
use loadmaster_orchestrator::{HoldStatus, ModelStatus, Shortage, Status, WaitsFor};
use reqwest::Method;

use crate::{Failed, args::PsArgs, config::Config, daemon, printed::print, table};

pub(crate) async fn execute(args: PsArgs, config: &Config) -> Result<ExitCode, Failed> {
    let body = daemon::ask(config, Method::GET, "/api/v1/instances").await?;
    let status: Status = daemon::read(&body)?;
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
        if let Some(cause) = &model.waits_for {
            // Writing into a string cannot fail, here and below.
            let _ = write!(text, "\n{} waits {}\n", model.id, reason(cause));
        }
        if let Some(InstanceState::Crashed { failure }) =
            model.instance.as_ref().map(|instance| &instance.state)
        {
            let _ = write!(text, "\n{} crashed: {failure}\n  help: {}\n", model.id, failure.remedy());
        }
    }
    for (device, bytes) in &status.not_returned {
        let _ = write!(text, "\n{} of {device} did not come back when servers ended\n", Bytes(*bytes));
    }
    for hold in &status.holds {
        let _ = write!(text, "\n{}\n", told(hold));
    }
    text
}

/// What a hold has, or waits for.
fn told(hold: &HoldStatus) -> String {
    let part = |(device, bytes): (&DeviceId, &u64)| format!("{device} {}", Bytes(*bytes));
    let devices = hold.devices.iter().map(part).collect::<Vec<_>>().join(", ");
    let note = if hold.note.is_empty() { String::new() } else { format!(" ({})", hold.note) };
    let left = hold.seconds_left.map(|seconds| format!(", {seconds} s more")).unwrap_or_default();
    let leaving: Vec<String> = hold.leaving.iter().map(ToString::to_string).collect();
    match (hold.granted, &leaving[..]) {
        (true, _) => format!("{} holds {devices}{note}{left}", hold.id),
        (false, []) => format!("{} waits for {devices}{note}", hold.id),
        (false, _) => {
            format!(
                "{} waits for {devices}{note} until these have made room: {}",
                hold.id,
                leaving.join(", ")
            )
        }
    }
}

fn row(model: &ModelStatus) -> Vec<String> {
    let none = || "-".to_owned();
    let waiting = model.waiting.to_string();
    let Some(instance) = &model.instance else {
        return vec![model.id.clone(), "unloaded".to_owned(), none(), none(), waiting, none()];
    };
    let alive = instance.state.is_alive();
    vec![
        model.id.clone(),
        instance.state.name().to_owned(),
        instance.pid.filter(|_| alive).map_or_else(none, |pid| pid.to_string()),
        instance.leases.to_string(),
        waiting,
        if alive { memory(instance.taken()) } else { none() },
    ]
}

/// Why a model waits: `for ...`, `until ...`.
pub(crate) fn reason(cause: &WaitsFor) -> String {
    let joined = |names: &mut dyn Iterator<Item = String>| names.collect::<Vec<_>>().join(", ");
    match cause {
        WaitsFor::Plan => "for its plan".to_owned(),
        WaitsFor::Memory { shortages } => {
            format!("for memory: {}", joined(&mut shortages.iter().map(Shortage::to_string)))
        }
        WaitsFor::Hold { holds, shortages } => format!(
            "for the end of what is held, {}: {}",
            joined(&mut holds.iter().map(ToString::to_string)),
            joined(&mut shortages.iter().map(Shortage::to_string))
        ),
        WaitsFor::Room { leaving } => {
            format!("until these have made room: {}", joined(&mut leaving.iter().map(ToString::to_string)))
        }
        WaitsFor::Start => "until it has started".to_owned(),
        WaitsFor::Place => "until it has finished a request: it works on as many as it can".to_owned(),
        WaitsFor::Pause => "for its next start, after a pause: its servers died".to_owned(),
        WaitsFor::End => "until it has ended, and is started again".to_owned(),
        _ => "for something that this command does not know".to_owned(),
    }
}

pub(crate) fn memory(estimate: &Estimate) -> String {
    let device = |part: &DeviceEstimate| format!("{} {}", part.device, Bytes(part.total()));
    estimate.devices.iter().map(device).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use loadmaster_core::{HoldId, InstanceId, ModelKind};

    use super::*;

    #[test]
    fn holds_are_told() {
        let held = HoldStatus {
            id: HoldId::new(7),
            note: "game".to_owned(),
            devices: [(DeviceId::host(), 2 << 30)].into(),
            granted: true,
            leaving: Vec::new(),
            seconds_left: Some(9),
        };
        assert_eq!(told(&held), "hold-7 holds host 2.00 GiB (game), 9 s more");
        let leaving = vec![InstanceId::new("b", 1)];
        let waits = HoldStatus { granted: false, leaving, seconds_left: None, ..held };
        assert_eq!(told(&waits), "hold-7 waits for host 2.00 GiB (game) until these have made room: b#1");
    }

    #[test]
    fn who_waits_is_told_why() {
        let shortage =
            Shortage { device: DeviceId::host(), needed: 2 << 30, available: 1 << 30, budget: None };
        for (cause, told) in [
            (
                WaitsFor::Memory { shortages: vec![shortage] },
                "a waits for memory: host needs 2.00 GiB and has 1.00 GiB left",
            ),
            (
                WaitsFor::Room { leaving: vec![InstanceId::new("b", 1)] },
                "a waits until these have made room: b#1",
            ),
        ] {
            let model = ModelStatus {
                id: "a".to_owned(),
                kind: ModelKind::Text,
                waiting: 3,
                waits_for: Some(cause),
                instance: None,
            };
            let shown = shown(&Status { models: vec![model], ..Status::default() });
            assert!(shown.ends_with(&format!("\n\n{told}\n")), "{shown}");
        }
    }
}
