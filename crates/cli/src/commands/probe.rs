//! `loadmaster probe`

use std::process::ExitCode;

use loadmaster_core::{Bytes, Registry};
use loadmaster_sysprobe::{Facts, Gpu, GpuNow, Probe, Snapshot};
use serde_json::json;

use crate::{Failed, args::ProbeArgs, printed::print, table};

pub(crate) fn execute(args: &ProbeArgs) -> Result<ExitCode, Failed> {
    let failed = |error: loadmaster_sysprobe::Error| {
        Failed::because(format!("The machine could not be probed: {error}"))
            .remedy("Check that this program may read /proc and /sys.")
    };
    let probe = Probe::in_own_child().map_err(failed)?;
    let facts = probe.facts().map_err(failed)?;
    let now = probe.snapshot(&facts).map_err(failed)?;
    if args.json {
        print(&format!("{:#}\n", as_json(&facts, &now)))?;
    } else {
        print(&table::lined_up_left(&rows(&facts, &now)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Facts, what is free now, and the backends of this program.
fn as_json(facts: &Facts, now: &Snapshot) -> serde_json::Value {
    let backends = Registry::factories();
    let backends: Vec<_> = backends
        .iter()
        .map(|backend| json!({ "id": backend.id, "description": backend.description }))
        .collect();
    json!({ "facts": facts, "now": now, "backends": backends })
}

fn rows(facts: &Facts, now: &Snapshot) -> Vec<[String; 2]> {
    let cpu = &facts.cpu;
    let mut rows = vec![
        ["CPU".to_owned(), cpu.model.clone()],
        [
            "cores".to_owned(),
            format!(
                "{} physical, {} logical, {} usable",
                cpu.physical_cores, cpu.logical_cores, cpu.usable_threads
            ),
        ],
        ["instructions".to_owned(), cpu.instruction_sets.join(" ")],
        [
            "memory".to_owned(),
            format!("{} of {} available", Bytes(now.memory.available), Bytes(now.memory.total)),
        ],
    ];
    if let (Some(limit), Some(group)) = (facts.memory.limit, &facts.memory.limited_by) {
        rows.push(["memory limit".to_owned(), format!("{} by {group}", Bytes(limit))]);
    }
    if facts.gpus.is_empty() {
        rows.push(["GPU".to_owned(), "none".to_owned()]);
    }
    for gpu in &facts.gpus {
        rows.push([gpu.id.clone(), gpu_line(gpu, now.gpus.iter().find(|now| now.id == gpu.id))]);
    }
    for factory in Registry::factories() {
        rows.push([format!("backend {}", factory.id), factory.description.to_owned()]);
    }
    for note in facts.notes.iter().chain(&now.notes) {
        rows.push(["note".to_owned(), format!("{}; {}", note.what, note.remedy)]);
    }
    rows
}

fn gpu_line(gpu: &Gpu, now: Option<&GpuNow>) -> String {
    let kind = format!("{:?}", gpu.kind).to_lowercase();
    let free = now.and_then(|now| now.free).or(gpu.memory_free);
    let memory = match (free, gpu.memory_total) {
        (Some(free), Some(total)) => format!("{} of {} free", Bytes(free), Bytes(total)),
        (None, Some(total)) => Bytes(total).to_string(),
        _ => "memory unknown".to_owned(),
    };
    let shared = if gpu.shares_host_memory { ", of the host's memory" } else { "" };
    let apis = [("Vulkan", gpu.apis.vulkan), ("NVML", gpu.apis.nvml)];
    let seen = apis.iter().filter_map(|(name, index)| index.map(|index| format!("{name} {index}")));
    format!("{} ({kind}; {memory}{shared}; {})", gpu.name, seen.collect::<Vec<_>>().join(", "))
}
