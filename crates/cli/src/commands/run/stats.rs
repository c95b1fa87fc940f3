//! What `--stats` and `--json` tell.

use loadmaster_core::{Bytes, DeviceEstimate, DeviceKind, Estimate, Instance, Machine};
use loadmaster_orchestrator::{Preview, Status};
use serde_json::{Value, json};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::answer::{Answer, End};
use crate::table;

/// Machine and plan, before the model is loaded.
pub(super) fn before(preview: &Preview) -> String {
    let plan = &preview.plan;
    let settings = plan.settings.iter().filter(|(_, value)| !value.is_null() && !is_empty(value));
    let settings = settings.map(|(name, value)| format!("{name} {}", plain(value)));
    let server =
        plan.server.as_ref().map_or_else(String::new, |server| format!(" with {}", server.display()));
    table::lined_up_left(&[
        ["machine".to_owned(), machine(&preview.machine)],
        ["model".to_owned(), format!("{} on {}{server}", plan.model.id, plan.backend)],
        ["plan".to_owned(), settings.collect::<Vec<_>>().join(", ")],
    ])
    .trim_end()
    .to_owned()
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(serde_json::Map::is_empty)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn machine(machine: &Machine) -> String {
    let device = |device: &loadmaster_core::Device| {
        let free = device.free.map_or_else(String::new, |free| format!("{} of ", Bytes(free)));
        let name = if device.kind == DeviceKind::Host { "RAM" } else { &device.name };
        format!("{} {name} {free}{}", device.id, Bytes(device.total))
    };
    let devices: Vec<String> = machine.devices.iter().map(device).collect();
    format!(
        "{} cores, {} usable threads; free: {}",
        machine.physical_cores,
        machine.usable_threads,
        devices.join("; ")
    )
}

/// Predicted against real memory, after it was loaded.
pub(super) fn after(status: &Status) -> String {
    let header = ["memory", "weights", "KV cache", "compute", "other", "total"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for instance in status.models.iter().filter_map(|model| model.instance.as_ref()) {
        let predicted = format!("expected ({})", instance.predicted.source);
        rows.extend(estimate_rows(&instance.predicted, &predicted));
        rows.extend(instance.actual.iter().flat_map(|actual| estimate_rows(actual, "actual")));
        if let Some(resident) = instance.pid.and_then(resident) {
            let blank = || String::new();
            let name = "process resident".to_owned();
            rows.push(vec![name, blank(), blank(), blank(), blank(), Bytes(resident).to_string()]);
        }
    }
    table::lined_up(&rows).trim_end().to_owned()
}

fn estimate_rows(estimate: &Estimate, what: &str) -> impl Iterator<Item = Vec<String>> {
    estimate.devices.iter().map(move |part: &DeviceEstimate| {
        let bytes = [part.weights, part.kv_cache, part.compute, part.other, part.total()];
        let name = format!("{} {what}", part.device);
        std::iter::once(name).chain(bytes.map(|bytes| Bytes(bytes).to_string())).collect()
    })
}

/// Bytes of the process that are in RAM now, mapped files among them.
fn resident(pid: u32) -> Option<u64> {
    let mut system = System::new().ok()?;
    let pid = Pid::from_u32(pid);
    let what = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, what);
    system.process(pid).map(sysinfo::Process::memory)
}

/// Tokens and how fast they came.
pub(super) fn speed(answer: &Answer) -> String {
    if answer.end == End::Interrupted {
        return "stopped".to_owned();
    }
    let number = |name: &str| answer.timings[name].as_f64();
    match (
        answer.timings["predicted_n"].as_u64(),
        number("predicted_per_second"),
        number("prompt_per_second"),
    ) {
        (Some(tokens), Some(speed), Some(prompt)) => {
            format!("{tokens} tokens, {speed:.1} tokens/s (prompt {prompt:.1} tokens/s)")
        }
        _ => String::new(),
    }
}

/// An answer as one object.
pub(super) fn json(answer: &Answer, instance: &Instance) -> Value {
    json!({
        "model": instance.plan.model.id,
        "text": answer.text,
        "finish_reason": answer.finish_reason,
        "interrupted": answer.end == End::Interrupted,
        "usage": answer.usage,
        "timings": answer.timings,
        "plan": *instance.plan,
        "memory": instance.measured,
    })
}
