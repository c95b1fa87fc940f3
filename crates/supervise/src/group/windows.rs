//! Job Objects.
//!
//! The job is created with `JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE`: when the last handle to it is
//! closed, and the system closes ours when this program ends however it ends, all of it ends.

use std::io;
use std::sync::Arc;

use process_wrap::tokio::{ChildWrapper, CommandWrap, JobObject, KillOnDrop};
use sysinfo::{ProcessesToUpdate, System};
use tokio::process::{ChildStderr, ChildStdout, Command};
use tokio::sync::Notify;

use crate::exit::ExitStatus;
use crate::race::{Winner, race};

/// `ERROR_BAD_EXE_FORMAT`: the file is no program for this machine.
pub(crate) const WRONG_FORMAT: i32 = 193;

/// A child and its job, to be waited for by one owner.
#[derive(Debug)]
pub(crate) struct Process {
    job: Box<dyn ChildWrapper>,
    pid: u32,
    leash: Leash,
}

/// The right to end a child's job.
///
/// The handle of the job belongs to the monitor, which is woken to end it. Should this program
/// end before it gets to it, the system ends the job.
#[derive(Clone, Debug)]
pub(crate) struct Leash(Arc<Notify>);

/// Starts the child in a job of its own; it does not run before it is in it.
pub(crate) fn start(command: Command, _parent_death_signal: bool) -> io::Result<Process> {
    let mut command = CommandWrap::from(command);
    command.wrap(KillOnDrop).wrap(JobObject);
    let job = command.spawn()?;
    let pid = job.id().ok_or_else(|| io::Error::other("a child that was just started has no number"))?;
    Ok(Process { job, pid, leash: Leash(Arc::new(Notify::new())) })
}

impl Process {
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn leash(&self) -> &Leash {
        &self.leash
    }

    pub(crate) fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.job.stdout().take()
    }

    pub(crate) fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.job.stderr().take()
    }

    /// Waits for the child's end, and ends what it left in its job. Cancel-safe.
    pub(crate) async fn ended(&mut self) -> io::Result<std::process::ExitStatus> {
        loop {
            // The inner child is the leader alone; the job itself would wait for grandchildren.
            let leader = self.job.inner_mut().wait();
            let next = race(self.leash.0.notified(), leader).await;
            let ended = match next {
                Winner::First(()) => None,
                Winner::Second(status) => Some(status),
            };
            if let Err(error) = self.job.start_kill() {
                tracing::warn!(pid = self.pid, %error, "cannot end a child's job");
            }
            if let Some(status) = ended {
                return status;
            }
        }
    }
}

impl Leash {
    /// A program without a window cannot be asked to end: the same as [`Leash::kill`].
    pub(crate) fn terminate(&self) {
        self.kill();
    }

    /// Ends the job.
    pub(crate) fn kill(&self) {
        self.0.notify_one();
    }
}

/// There are no groups to find again: a job ends with its owner.
pub(crate) fn kill_group(leader: u32) {
    kill_one(leader);
}

/// Ends one process; whose it is, the caller has made sure of.
pub(crate) fn kill_one(pid: u32) {
    let pid = sysinfo::Pid::from_u32(pid);
    let Ok(mut system) = System::new() else {
        return;
    };
    system.refresh_processes(ProcessesToUpdate::Some(&[pid]), true);
    if let Some(process) = system.process(pid) {
        // Whether it has ended is looked at anyway.
        let _ = process.kill();
    }
}

/// What the system's status says.
pub(crate) fn classify(status: std::process::ExitStatus) -> ExitStatus {
    status.code().map_or(ExitStatus::Unknown, ExitStatus::Code)
}
