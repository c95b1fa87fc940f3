//! Memory, graphics cards and their drivers.

use loadmaster_core::Bytes;
use loadmaster_sysprobe::{Facts, Gpu, GpuKind, Probe};

use super::Check;

/// Less available memory than this loads next to nothing: a model of 135 million weights takes half of it.
const LITTLE: u64 = 512 << 20;

pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let mut checks = Vec::new();
    let now = Probe::in_own_child().and_then(|probe| probe.snapshot(facts));
    match &now {
        Ok(now) => checks.push(memory(now.memory.available, now.memory.total)),
        Err(error) => checks.push(Check::problem(
            "memory",
            format!("it cannot be read: {error}"),
            "Check that this program may read /proc and /sys.",
        )),
    }
    if facts.gpus.is_empty() {
        checks.push(Check::ok("GPU", "none: models run on the processor"));
    }
    checks.extend(facts.gpus.iter().map(gpu));
    let later = now.iter().flat_map(|now| &now.notes);
    let mut notes: Vec<_> = facts.notes.iter().chain(later).collect();
    notes.dedup();
    // Models run on the processor then, or on another card.
    checks
        .extend(notes.into_iter().map(|note| Check::note("drivers", &note.what, Some(note.remedy.clone()))));
    checks
}

fn memory(available: u64, total: u64) -> Check {
    let found = format!("{} of {} available", Bytes(available), Bytes(total));
    if available < LITTLE {
        return Check::problem(
            "memory",
            found,
            "End programs that take memory: `loadmaster ps` shows our own.",
        );
    }
    Check::ok("memory", found)
}

fn gpu(gpu: &Gpu) -> Check {
    let driver =
        gpu.driver_version.as_ref().map_or_else(String::new, |version| format!(", driver {version}"));
    let kind = match gpu.kind {
        GpuKind::Software => ", a renderer on the processor",
        GpuKind::Integrated => ", integrated",
        GpuKind::Discrete => "",
    };
    Check::ok(&gpu.id, format!("{}{kind}{driver}", gpu.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::State;

    #[test]
    fn too_little_memory_is_a_problem() {
        assert_eq!(memory(LITTLE - 1, LITTLE * 9).state, State::Problem);
        let enough = memory(LITTLE, LITTLE * 2);
        assert_eq!((enough.state, enough.found.as_str()), (State::Ok, "512.0 MiB of 1.00 GiB available"));
    }
}
