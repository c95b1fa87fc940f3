//! Identity through the `sysinfo` crate, in whole seconds.

use std::ffi::OsString;

use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System, UpdateKind};

use super::Seen;

/// What can be seen of the process `pid`; `None` if there is none.
pub(crate) fn look(pid: u32) -> Option<Seen> {
    let pid = Pid::from_u32(pid);
    let mut system = System::new().ok()?;
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&[pid]),
        true,
        ProcessRefreshKind::nothing().without_tasks(),
    );
    system
        .process(pid)
        .map(|process| Seen { start: process.start_time().to_string(), ended: has_ended(process) })
}

/// The processes, ourselves excepted, that run with `name=value` in their environment.
pub(crate) fn carriers(name: &str, value: &str) -> Vec<u32> {
    let mark = OsString::from(format!("{name}={value}"));
    let Ok(mut system) = System::new() else {
        return Vec::new();
    };
    system.refresh_processes_specifics(
        ProcessesToUpdate::All,
        true,
        ProcessRefreshKind::nothing().with_environ(UpdateKind::Always).without_tasks(),
    );
    let me = std::process::id();
    let processes = system.processes().values();
    processes
        .filter(|process| process.environ().contains(&mark) && !has_ended(process))
        .map(|process| process.pid().as_u32())
        .filter(|pid| *pid != me)
        .collect()
}

fn has_ended(process: &Process) -> bool {
    matches!(process.status(), ProcessStatus::Zombie | ProcessStatus::Dead)
}
