//! What a daemon tells, for tests.

use loadmaster_orchestrator::{ModelStatus, Status};
use serde_json::{Value, json};

use super::{seen::Program, state::State};
use crate::daemon::{Heard, Told};

pub(crate) const NOW_MS: u64 = 1_800_000_000_000;
const MIB: u64 = 1 << 20;

pub(crate) fn told(name: &str, data: Value) -> Heard {
    Heard::Told(Told { name: name.to_owned(), id: None, data })
}

fn instance(model: &str, state: &str, leases: u64) -> Value {
    let path = format!("{model}.gguf");
    let failure = json!({ "reason": { "kind": "bad-model" }, "detail": null, "log": null });
    let mut instance = json!({
        "id": format!("{model}#1"), "model": model, "state": state, "pid": 7, "endpoint": null, "leases": leases,
        "plan": {
            "backend": "llama", "model": { "id": model, "kind": "text", "path": path },
            "settings": { "context_length": 2048, "parallel": 4 },
        },
        "predicted": {
            "source": "computed", "margin_percent": 10, "devices": [{
                "id": "host", "weights": 300 * MIB, "mapped": 0, "kv_cache": 0, "compute": 0, "other": 0,
            }],
        },
        "actual": null,
    });
    if state == "crashed" {
        instance["failure"] = failure;
    }
    instance
}

/// What `GET /api/v1/instances` answers: one that runs, one that crashed, one that was never loaded.
pub(crate) fn status(leases: u64) -> Value {
    let model = |id: &str, waiting: u64, instance: Value| json!({ "id": id, "kind": "text", "waiting": waiting, "waits_for": null, "instance": instance });
    json!({
        "models": [
            model("chat", 2, instance("chat", "ready", leases)),
            model("crasher", 0, instance("crasher", "crashed", 0)),
            model("unloaded", 0, Value::Null),
        ],
        "reserved": {}, "closing": false, "last_event": 3,
    })
}

pub(crate) fn models() -> Vec<ModelStatus> {
    serde_json::from_value::<Status>(status(1)).expect("it is a status").models
}

pub(crate) fn memory() -> Value {
    json!({ "at_ms": NOW_MS, "cpu_percent": 37.4, "devices": [
        {
            "id": "host", "name": "CPU", "kind": "host", "pool": "host", "total": 1000 * MIB, "free": 400 * MIB,
            "budget": 500 * MIB, "held": 100 * MIB, "not_returned": 100 * MIB, "other": 200 * MIB,
            "ours": [{ "model": "chat", "instance": "chat#1", "reserved": 330 * MIB, "resident": 300 * MIB }],
        },
        {
            "id": "gpu0", "name": "GPU", "kind": "discrete", "pool": "gpu0", "total": 4000 * MIB, "free": null,
            "budget": null, "held": 0, "not_returned": 0, "other": null, "ours": [],
        },
    ]})
}

pub(crate) fn job(id: &str, state: &str) -> Value {
    json!({
        "id": id, "model": "painter", "state": state, "stage": "sampling", "step": 5, "steps": 20, "fraction": 0.25,
        "eta_ms": 65_000, "place": null, "places": null,
    })
}

pub(crate) fn download(state: &str) -> Value {
    json!({
        "id": "download-1", "model": "big", "source": "o/r", "state": state, "step": null, "bytes": 512 * MIB,
        "total": 1024 * MIB, "bytes_per_second": 10 * MIB, "eta_ms": 51_000, "error": { "message": "it is gone" },
    })
}

/// All of it.
pub(crate) fn state() -> State {
    let program =
        Program { version: "1.2.3".to_owned(), started_at_ms: NOW_MS - 3_660_000, os: "linux".to_owned() };
    let refused = json!({ "event": "refused", "model": "huge", "cause": "too large", "at_ms": NOW_MS });
    [
        told("snapshot", status(1)),
        told("memory", memory()),
        told("jobs", json!([job("a", "running"), job("b", "completed")])),
        told("downloads", json!({ "downloads": [download("running")] })),
        told("refused", refused),
    ]
    .into_iter()
    .fold(State::of(program, NOW_MS), |state, heard| state.take(heard, NOW_MS))
}
