//! `loadmaster plan`

use std::{fmt::Write as _, process::ExitCode};

use loadmaster_core::{DeviceEstimate, Estimate, EstimateSource, HoldId, InstanceId, Settings};
use loadmaster_orchestrator::Shortage;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::ps;
use crate::{Failed, args::PlanOfArgs, config::Config, daemon, printed::print};

/// What `GET /api/v1/plan/{model}` answers.
#[derive(Debug, Deserialize)]
struct Plan {
    model: String,
    state: String,
    source: EstimateSource,
    margin_percent: u8,
    #[serde(rename = "plan")]
    settings: Settings,
    devices: Vec<DeviceEstimate>,
    shortages: Vec<Shortage>,
    leaving: Vec<Leaving>,
    lacking: Vec<Shortage>,
    #[serde(default)]
    holds: Vec<HoldId>,
}

/// An instance that would make room.
#[derive(Debug, Deserialize)]
struct Leaving {
    instance: InstanceId,
    requests: Option<usize>,
}

pub(crate) async fn execute(args: PlanOfArgs, config: &Config) -> Result<ExitCode, Failed> {
    let path = format!("/api/v1/plan/{}", daemon::escaped(&args.model));
    let body = match daemon::settings_of(&args.model, &args.load.flags(), config).await? {
        None => daemon::ask(config, Method::GET, &path).await?,
        Some(settings) => daemon::tell(config, Method::POST, &path, &json!({ "settings": settings })).await?,
    };
    if args.json {
        print(&format!("{body}\n"))?;
    } else {
        print(&shown(daemon::read(&body)?))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(plan: Plan) -> String {
    let Plan { source, margin_percent, devices, .. } = plan;
    let taken = ps::memory(&Estimate { source, margin_percent, devices });
    let context = plan.settings.get("context_length").and_then(serde_json::Value::as_u64);
    let context = context.map(|tokens| format!(", context of {tokens} tokens")).unwrap_or_default();
    let mut text = format!("{} takes {taken} ({source}, {margin_percent} % margin{context})\n", plan.model);
    // Writing into a string cannot fail, here and below.
    let _ = match (&plan.lacking[..], &plan.leaving[..], &plan.shortages[..]) {
        ([], _, _) if plan.state == "ready" => writeln!(text, "it runs already"),
        ([], _, _) if !plan.holds.is_empty() => {
            let names: Vec<String> = plan.holds.iter().map(ToString::to_string).collect();
            writeln!(text, "it fits when what is held has ended: {}", names.join(", "))
        }
        ([], [], []) => writeln!(text, "it fits now"),
        ([], [], _) => writeln!(text, "it fits when those have gone that are about to go"),
        ([], leaving, _) => {
            let names: Vec<String> = leaving.iter().map(named).collect();
            writeln!(text, "it fits when these have made room: {}", names.join(", "))
        }
        _ => writeln!(text, "it does not fit, whoever makes room"),
    };
    let missing = if plan.lacking.is_empty() { &plan.shortages } else { &plan.lacking };
    let when = if plan.lacking.is_empty() { "now, " } else { "" };
    for shortage in missing {
        let _ = writeln!(text, "  {when}{shortage}");
    }
    text
}

fn named(leaving: &Leaving) -> String {
    match leaving.requests {
        None | Some(0) => leaving.instance.to_string(),
        Some(1) => format!("{} (after its request)", leaving.instance),
        Some(requests) => format!("{} (after its {requests} requests)", leaving.instance),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn plan(changed: &[(&str, Value)]) -> String {
        let host = json!({ "id": "host", "weights": 1 << 30, "kv_cache": 0, "compute": 0, "other": 0 });
        let mut plan = json!({
            "model": "a", "state": "unloaded", "source": "asked", "margin_percent": 2,
            "plan": { "context_length": 2048 }, "devices": [host],
            "shortages": [], "leaving": [], "lacking": [],
        });
        for (name, value) in changed {
            plan[name] = value.clone();
        }
        shown(serde_json::from_value(plan).unwrap())
    }

    #[test]
    fn it_says_what_would_happen() {
        let short = json!([{ "device": "host", "needed": 1 << 30, "available": 1 << 29, "budget": null }]);
        let leaving = json!([
            { "instance": "b#1", "model": "b", "requests": 0 },
            { "instance": "c#2", "model": "c", "requests": 2 },
        ]);
        let takes = "a takes host 1.00 GiB (asked, 2 % margin, context of 2048 tokens)\n";
        let told = |text: String| text.strip_prefix(takes).map(str::to_owned).unwrap_or(text);
        assert_eq!(told(plan(&[])), "it fits now\n");
        assert_eq!(told(plan(&[("state", json!("ready"))])), "it runs already\n");
        assert_eq!(
            told(plan(&[("shortages", short.clone()), ("leaving", leaving)])),
            "it fits when these have made room: b#1, c#2 (after its 2 requests)\n  \
             now, host needs 1.00 GiB and has 512.0 MiB left\n"
        );
        assert_eq!(
            told(plan(&[("shortages", short.clone()), ("lacking", short)])),
            "it does not fit, whoever makes room\n  host needs 1.00 GiB and has 512.0 MiB left\n"
        );
    }
}
