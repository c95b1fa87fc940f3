//! How long programs take, how much of the processor, and how much memory.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::super::machine::kibibytes;

/// How often the memory is read: the kernel keeps the peak, so only growth in the last moment is missed.
const LOOK: Duration = Duration::from_millis(5);

/// Of the times in `/proc/PID/stat`, in a second: `USER_HZ`, which is the same on all of Linux's platforms of today.
const TICKS: f64 = 100.0;

/// One run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Run {
    pub(super) seconds: f64,
    /// Seconds of processors, in the program and in the kernel for it.
    pub(super) cpu: f64,
    /// The most that was resident in one process, in MiB.
    pub(super) memory: f64,
}

/// Runs `commands` all at once; they must succeed.
pub(super) fn run(commands: &mut [Command]) -> Result<Run> {
    let (start, before) = (Instant::now(), cpu_of_children()?);
    let mut running = Vec::new();
    for command in commands {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.with_context(|| format!("cannot start {name}"))?;
        let watch = watch_memory(&child);
        running.push((name, child, watch));
    }
    let mut run = Run::default();
    for (name, mut child, watch) in running {
        let status = child.wait().with_context(|| format!("cannot wait for {name}"))?;
        run.seconds = start.elapsed().as_secs_f64();
        ensure!(status.success(), "{name} failed ({status})");
        let peak = watch.join().ok().context("the memory was not read")?;
        #[expect(clippy::cast_precision_loss, reason = "a size of which a few digits matter")]
        let memory = peak as f64 / 1024.0;
        run.memory = run.memory.max(memory);
    }
    run.cpu = cpu_of_children()? - before;
    Ok(run)
}

/// Looks at the memory of a process until it ends; the most of it, in KiB.
fn watch_memory(child: &Child) -> JoinHandle<u64> {
    let status = format!("/proc/{}/status", child.id());
    thread::spawn(move || {
        let mut peak = 0;
        // One that has ended has no memory any more.
        while let Some(memory) = fs::read_to_string(&status).ok().and_then(|text| kibibytes(&text, "VmHWM")) {
            peak = peak.max(memory);
            thread::sleep(LOOK);
        }
        peak
    })
}

/// Seconds that all children of this process have taken that were waited for.
fn cpu_of_children() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat").context("this runs on Linux alone")?;
    // The name, in parentheses, may hold anything. `cutime` and `cstime` are the 14th and 15th field behind it.
    let (_, fields) = stat.rsplit_once(')').context("/proc/self/stat has no name")?;
    let times = fields.split_whitespace().skip(13).take(2).map(str::parse::<f64>);
    let ticks: f64 = times.sum::<Result<_, _>>().context("/proc/self/stat has no times")?;
    Ok(ticks / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command;

    #[test]
    fn programs_take_time_and_memory() {
        let sleep = || {
            let mut command = command::new("sleep");
            command.arg("0.1");
            command
        };
        let taken = run(&mut [sleep(), sleep()]).unwrap();
        assert!(taken.seconds >= 0.1 && taken.memory > 0.1 && taken.cpu < taken.seconds, "{taken:?}");
        assert!(run(&mut [command::new("false")]).is_err());
    }

    #[test]
    fn work_takes_a_processor() {
        let mut count = command::new("sh");
        count.args(["-c", "i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done"]);
        let taken = run(&mut [count]).unwrap();
        assert!(taken.cpu > 0.0, "{taken:?}");
    }
}
