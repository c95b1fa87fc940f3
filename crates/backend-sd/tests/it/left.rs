//! What is left of processes, by what the system says of all of them.

use std::fs;

use crate::place::Place;

/// The living processes that work in a folder of `place`, and their resident memory in bytes.
pub(crate) fn processes(place: &Place) -> Vec<(u32, u64)> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| {
        let folder = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
        folder.starts_with(&place.state).then_some(())?;
        Some((pid, resident(pid)?))
    })
    .collect()
}

/// The resident memory of a process in bytes; `None` when it has none any more.
pub(crate) fn resident(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Everything is given back: no process, no resident memory, no working folder, no entry in the journal.
pub(crate) async fn nothing_of(place: &Place) {
    place.backend.settled().await;
    let left = processes(place);
    assert!(left.is_empty(), "still there, with bytes: {left:?}");
    for folder in ["sd/work", "children/sd"] {
        let entries = fs::read_dir(place.state.join(folder)).map_or(0, Iterator::count);
        assert_eq!(entries, 0, "left in {folder}");
    }
}

/// Kills the process that works in a folder of `place`, once it has worked for some time; returns its number.
pub(crate) async fn killed(place: &Place) -> u32 {
    let pid = loop {
        // What it has of memory tells that it is at work.
        if let Some((pid, _)) = processes(place).into_iter().find(|(_, bytes)| *bytes > 100 << 20) {
            break pid;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    kill(pid).await;
    pid
}

/// Kills a process, and waits until it has no memory any more.
pub(crate) async fn kill(pid: u32) {
    let number = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(number, rustix::process::Signal::KILL).unwrap();
    while resident(pid).is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
