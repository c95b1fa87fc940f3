//! The machine the tests run on, and programs that are no probes.

use loadmaster_sysprobe::{Facts, Probe, Snapshot};

use crate::children_are_this_test;

#[test]
fn processor_and_memory_are_plausible() {
    let probe = children_are_this_test();
    let facts = probe.facts().expect("this machine can be read");
    let cpu = &facts.cpu;
    assert!(!cpu.model.is_empty());
    assert!(1 <= cpu.physical_cores && cpu.physical_cores <= cpu.logical_cores);
    assert!(1 <= cpu.usable_threads && cpu.usable_threads <= cpu.logical_cores);
    assert!(facts.memory.physical > 64 << 20);

    let now = probe.snapshot(&facts).expect("this machine can be read");
    assert_eq!(now.memory.total, facts.memory.usable());
    assert!(0 < now.memory.available && now.memory.available <= now.memory.total);
    assert_eq!(now.gpus.len(), facts.gpus.len());
}

#[test]
fn asking_in_this_process_sees_the_same_cards() {
    let names = |probe: &Probe| {
        let facts = probe.facts().expect("this machine can be read");
        let gpus = facts.gpus.into_iter();
        gpus.map(|gpu| (gpu.id, gpu.name, gpu.apis, gpu.uuid)).collect::<Vec<_>>()
    };
    let here = names(&Probe::in_this_process());
    assert_eq!(here, names(&children_are_this_test()));
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn instruction_sets_agree_with_the_kernel() {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").expect("Linux has it");
    let flags: Vec<_> = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("flags"))
        .expect("x86 has flags")
        .split_whitespace()
        .collect();
    let probe = Probe::in_child("/bin/false", [""; 0]);
    let found = probe.facts().expect("this machine can be read");
    let names = [
        ("sse4.2", "sse4_2"),
        ("avx", "avx"),
        ("f16c", "f16c"),
        ("fma", "fma"),
        ("bmi2", "bmi2"),
        ("avx2", "avx2"),
        ("avx_vnni", "avx_vnni"),
        ("avx512f", "avx512f"),
        ("avx512bw", "avx512bw"),
        ("avx512vl", "avx512vl"),
        ("avx512_vbmi", "avx512vbmi"),
        ("avx512_vnni", "avx512_vnni"),
        ("avx512_bf16", "avx512_bf16"),
        ("amx", "amx_tile"),
    ];
    for (name, flag) in names {
        let sets = &found.cpu.instruction_sets;
        assert_eq!(sets.iter().any(|set| set == name), flags.contains(&flag), "{name}");
    }
}

#[test]
fn facts_and_snapshots_survive_json() {
    let probe = children_are_this_test();
    let facts = probe.facts().expect("this machine can be read");
    let text = serde_json::to_string(&facts).expect("plain data");
    assert_eq!(serde_json::from_str::<Facts>(&text).expect("own words"), facts);
    let now = probe.snapshot(&facts).expect("this machine can be read");
    let text = serde_json::to_string(&now).expect("plain data");
    assert_eq!(serde_json::from_str::<Snapshot>(&text).expect("own words"), now);
}

#[test]
fn a_program_that_cannot_be_started_is_a_note() {
    let probe = Probe::in_child("/nonexistent/program", [""; 0]).root("/nonexistent");
    let facts = probe.facts().expect("this machine can be read");
    assert_eq!(facts.gpus, []);
    assert_eq!(facts.notes.len(), 2);
    let what = &facts.notes[0].what;
    assert!(what.contains("/nonexistent/program could not be started"), "{what}");
}

#[cfg(unix)]
#[test]
fn a_program_that_is_no_probe_is_a_note() {
    let probe = Probe::in_child("/bin/echo", ["hello"]).root("/nonexistent");
    let facts = probe.facts().expect("this machine can be read");
    assert_eq!(facts.gpus, []);
    assert_eq!(facts.notes.len(), 2);
    let note = &facts.notes[0];
    assert!(note.what.contains("gave no answer"), "{}", note.what);
    assert!(note.remedy.contains("answer_if_asked"), "{}", note.remedy);
}
