//! What the tests have in common: starting, looking, waiting.

use std::time::{Duration, Instant};

use loadmaster_supervise::{Child, Spec, Supervisor};
use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};

/// A patience that is never used up; the test runner's own limit comes before it.
pub(crate) const LONG: Duration = Duration::from_mins(10);

/// A shell script.
#[cfg(unix)]
pub(crate) fn sh(script: &str) -> Spec {
    Spec::new("sh").args(["-c", script])
}

/// Starts a child without a journal.
pub(crate) async fn spawn(spec: Spec) -> Child {
    Supervisor::new(None).spawn(spec).await.expect("the program of this test can be started")
}

/// The next line, which must come.
#[cfg(unix)]
pub(crate) async fn first_line(child: &Child) -> String {
    let line = child.lines().next().await;
    line.expect("the child prints a line").text.to_string()
}

/// The next line as a number.
#[cfg(unix)]
pub(crate) async fn first_number(child: &Child) -> u32 {
    let line = first_line(child).await;
    line.parse().expect("the child prints a number")
}

/// Whether the process runs; one that only waits to be reaped does not.
pub(crate) fn runs(pid: u32) -> bool {
    let pid = Pid::from_u32(pid);
    let mut system = System::new().expect("the system can be looked at");
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&[pid]),
        true,
        ProcessRefreshKind::nothing().without_tasks(),
    );
    let process = system.process(pid);
    process.is_some_and(|process| !matches!(process.status(), ProcessStatus::Zombie | ProcessStatus::Dead))
}

/// Waits until something is so, and fails if it never becomes so.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until the process has gone.
pub(crate) fn until_gone(pid: u32) {
    until(&format!("process {pid} ends"), || (!runs(pid)).then_some(()));
}
