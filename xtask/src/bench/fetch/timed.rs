//! How long a program takes, and how much memory.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::super::machine::kibibytes;

/// How often the memory is read: the kernel keeps the peak, so only growth in the last moment is missed.
const LOOK: Duration = Duration::from_millis(5);

/// One run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) seconds: f64,
    /// The most that was resident, in MiB.
    pub(super) memory: f64,
}

/// Runs `command`, which must succeed.
pub(super) fn run(command: &mut Command) -> Result<Run> {
    let name = command.get_program().to_string_lossy().into_owned();
    let start = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut child = child.with_context(|| format!("cannot start {name}"))?;
    let status = format!("/proc/{}/status", child.id());
    let watch = thread::spawn(move || {
        let mut peak = 0;
        // One that has ended has no memory any more.
        while let Some(memory) = fs::read_to_string(&status).ok().and_then(|text| kibibytes(&text, "VmHWM")) {
            peak = peak.max(memory);
            thread::sleep(LOOK);
        }
        peak
    });
    let status = child.wait().with_context(|| format!("cannot wait for {name}"))?;
    let seconds = start.elapsed().as_secs_f64();
    ensure!(status.success(), "{name} failed ({status})");
    let peak = watch.join().ok().context("the memory was not read")?;
    #[expect(clippy::cast_precision_loss, reason = "a size of which a few digits matter")]
    let memory = peak as f64 / 1024.0;
    Ok(Run { seconds, memory })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command;

    #[test]
    fn a_program_takes_time_and_memory() {
        let taken = run(command::new("sleep").arg("0.1")).unwrap();
        assert!(taken.seconds >= 0.1 && taken.memory > 0.1, "{taken:?}");
        assert!(run(&mut command::new("false")).is_err());
    }
}
