//! What happened, in words.

use std::collections::BTreeMap;

use loadmaster_core::{Bytes, DeviceEstimate, DeviceId, Estimate, Event, InstanceId, InstanceState, Kept};
use serde_json::Value;

use crate::daemon::Told;

/// What is said of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// When it happened, in milliseconds since 1970; states have no time.
    pub(crate) at_ms: Option<u64>,
    /// What happened, in one word or two.
    pub(crate) what: String,
    /// The model, instance, device or hold that it is about.
    pub(crate) whom: String,
    /// Why, how much.
    pub(crate) why: String,
}

/// Puts an event into words.
pub(crate) fn said(told: &Told) -> Said {
    let at_ms = told.data["at_ms"].as_u64();
    let event = serde_json::from_value::<Event>(told.data.clone());
    let (what, whom, why) = match event.as_ref().ok().and_then(of_event) {
        Some(words) => words,
        None => of_state(&told.name, &told.data),
    };
    // What servers say may have several lines, and a terminal obeys what they send.
    let plain = |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Said { at_ms, what, whom: plain(&whom), why: plain(&why) }
}

type Words = (String, String, String);

/// What happened; `None` for what this command does not know yet.
fn of_event(event: &Event) -> Option<Words> {
    let (what, whom, why) = match event {
        Event::Reserved { instance, estimate } => ("reserved", instance.to_string(), memory(estimate)),
        Event::Measured { instance, predicted, actual } => (
            "measured",
            instance.to_string(),
            format!("took {}, expected {}", memory(actual), memory(predicted)),
        ),
        Event::State { instance, state: InstanceState::Crashed { failure } } => {
            ("crashed", instance.to_string(), failure.to_string())
        }
        Event::State { instance, state } => (state.name(), instance.to_string(), String::new()),
        Event::MakingRoom { model, leaving } => {
            ("makes room", model.clone(), format!("{} must go", names(leaving)))
        }
        Event::Saved { instance, kept } => ("saved", instance.to_string(), conversations(*kept)),
        Event::Restored { instance, kept } => ("restored", instance.to_string(), conversations(*kept)),
        Event::Refused { model, cause } => ("refused", model.clone(), cause.clone()),
        Event::Outdated { instance } => {
            ("outdated", instance.to_string(), "its model was changed and is run in another way".to_owned())
        }
        Event::Reloaded { added, removed, changed, .. } => {
            let part = |name: &str, models: &[String]| format!("{name} {}", models.join(", "));
            let parts = [("added", added), ("removed", removed), ("changed", changed)];
            let parts: Vec<_> = parts
                .into_iter()
                .filter(|(_, models)| !models.is_empty())
                .map(|(name, models)| part(name, models))
                .collect();
            let why = if parts.is_empty() { "no model changed".to_owned() } else { parts.join("; ") };
            ("reloaded", "configuration".to_owned(), why)
        }
        Event::ReloadFailed { cause } => ("not reloaded", "configuration".to_owned(), cause.clone()),
        Event::BudgetsChanged { budgets, leaving } => {
            let budgets: Vec<_> =
                budgets.iter().map(|(device, amount)| format!("{device} {amount}")).collect();
            let leaving =
                if leaving.is_empty() { String::new() } else { format!("; {} must go", names(leaving)) };
            let all = if budgets.is_empty() { "none".to_owned() } else { budgets.join(", ") };
            ("budgets", all, leaving.trim_start_matches("; ").to_owned())
        }
        Event::OverBudget { device, beyond, pinned } => {
            let pinned =
                if pinned.is_empty() { String::new() } else { format!("; pinned: {}", pinned.join(", ")) };
            ("over budget", device.to_string(), format!("{} beyond it{pinned}", Bytes(*beyond)))
        }
        Event::HoldWaits { hold, note, leaving } => {
            let until = if leaving.is_empty() {
                String::new()
            } else {
                format!(" until {} have gone", names(leaving))
            };
            ("hold waits", hold.to_string(), format!("{note}{until}"))
        }
        Event::HoldGranted { hold, note, devices } => {
            ("held", hold.to_string(), format!("{} {note}", amounts(devices)))
        }
        Event::HoldRefused { hold, cause } => ("hold refused", hold.to_string(), cause.clone()),
        Event::HoldReleased { hold } => ("released", hold.to_string(), String::new()),
        Event::NotReturned { device, bytes: 0 } => {
            ("returned", device.to_string(), "all memory has come back".to_owned())
        }
        Event::NotReturned { device, bytes } => {
            ("not returned", device.to_string(), format!("{} did not come back", Bytes(*bytes)))
        }
        _ => return None,
    };
    Some((what.to_owned(), whom, why.trim().to_owned()))
}

/// What a state that is told of beside events says; what this command does not know is shown as it came.
fn of_state(name: &str, data: &Value) -> Words {
    let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
    let (whom, why) = match name {
        "memory" => (String::new(), devices(data)),
        "job" => (text("id"), job(data)),
        "download" | "install" => (text("model"), text("state")),
        "log" => (text("source"), text("line")),
        _ => (String::new(), data.to_string()),
    };
    (name.to_owned(), whom, why)
}

fn devices(data: &Value) -> String {
    let all = data["devices"].as_array().map(Vec::as_slice).unwrap_or_default();
    let bytes =
        |value: &Value| value.as_u64().map_or_else(|| "?".to_owned(), |bytes| Bytes(bytes).to_string());
    let device = |device: &Value| {
        let id = device["id"].as_str().unwrap_or_default();
        format!("{id} {} free of {}", bytes(&device["free"]), bytes(&device["total"]))
    };
    all.iter().map(device).collect::<Vec<_>>().join(", ")
}

fn job(data: &Value) -> String {
    let text = |name: &str| data[name].as_str().unwrap_or_default();
    let percent = data["fraction"].as_f64().unwrap_or_default() * 100.0;
    match text("state") {
        "running" => format!("{} {} {percent:.0} %", text("model"), text("stage")),
        "failed" => {
            format!("{} failed: {}", text("model"), data["error"]["message"].as_str().unwrap_or_default())
        }
        state => format!("{} {state}", text("model")),
    }
}

fn names(instances: &[InstanceId]) -> String {
    instances.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn memory(estimate: &Estimate) -> String {
    let device = |part: &DeviceEstimate| format!("{} {}", part.device, Bytes(part.total()));
    estimate.devices.iter().map(device).collect::<Vec<_>>().join(", ")
}

fn amounts(devices: &BTreeMap<DeviceId, u64>) -> String {
    devices.iter().map(|(device, bytes)| format!("{device} {}", Bytes(*bytes))).collect::<Vec<_>>().join(", ")
}

fn conversations(kept: Kept) -> String {
    let s = if kept.conversations == 1 { "" } else { "s" };
    format!("{} conversation{s}, {} tokens", kept.conversations, kept.tokens)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(name: &str, data: Value) -> (Option<u64>, String) {
        let said = said(&Told { name: name.to_owned(), id: None, data });
        (said.at_ms, format!("{}|{}|{}", said.what, said.whom, said.why))
    }

    #[test]
    fn what_happens_is_said() {
        let making = json!({ "event": "making-room", "model": "a", "leaving": ["b#1", "c#2"], "at_ms": 7 });
        assert_eq!(words("making-room", making), (Some(7), "makes room|a|b#1, c#2 must go".to_owned()));
        let failure = json!({ "reason": { "kind": "bad-model" }, "detail": null, "log": null });
        let crashed = json!({ "event": "state", "instance": "a#1", "state": "crashed", "failure": failure, "at_ms": 7 });
        assert!(words("state", crashed).1.starts_with("crashed|a#1|"));
        let back = json!({ "event": "not-returned", "device": "host", "bytes": 0 });
        assert_eq!(words("not-returned", back).1, "returned|host|all memory has come back");
        let reloaded =
            json!({ "event": "reloaded", "added": ["x"], "removed": [], "changed": ["y", "z"], "kept": [] });
        assert_eq!(words("reloaded", reloaded).1, "reloaded|configuration|added x; changed y, z");
    }

    #[test]
    fn states_are_said_and_what_is_unknown_is_shown() {
        let memory = json!({ "devices": [{ "id": "host", "free": 1 << 30, "total": 4_u64 << 30 }] });
        assert_eq!(words("memory", memory).1, "memory||host 1.00 GiB free of 4.00 GiB");
        let job =
            json!({ "id": "j", "model": "sd", "state": "running", "stage": "sampling", "fraction": 0.5 });
        assert_eq!(words("job", job).1, "job|j|sd sampling 50 %");
        assert_eq!(words("new", json!({ "event": "new" })).1, "new||{\"event\":\"new\"}");
    }

    #[test]
    fn a_terminal_is_not_told_what_to_do() {
        let refused = json!({ "event": "refused", "model": "a", "cause": "b\u{1b}[2J\nc" });
        assert_eq!(words("refused", refused).1, "refused|a|b [2J c");
    }
}
