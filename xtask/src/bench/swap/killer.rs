//! Kills the server that runs, again and again, while clients ask.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::bench::serving::Daemon;
use crate::command;

/// How often a server is killed.
pub(super) const EVERY: Duration = Duration::from_secs(5);

/// How often it is looked whether there is one, or whether it is over.
const POLL: Duration = Duration::from_millis(20);

/// Kills by `SIGKILL` until `over`, and returns how many were killed.
pub(super) fn run(daemon: &Daemon, over: &AtomicBool) -> Result<u32> {
    let (mut killed, mut next) = (0, Instant::now() + EVERY);
    while !over.load(Ordering::Relaxed) {
        thread::sleep(POLL);
        if Instant::now() < next {
            continue;
        }
        // Between two models there is none: then the next one, as soon as it is ready.
        if let Some(running) = daemon.running()?
            && command::succeeds(command::new("kill").args(["-KILL", &running.pid.to_string()]))
        {
            killed += 1;
            next += EVERY;
        }
    }
    Ok(killed)
}
