//! Process groups.

use std::future::{Future, poll_fn};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{ChildStderr, ChildStdout, Command};

use crate::exit::{ExitStatus, UNNAMED_SIGNAL};

/// `ENOEXEC`: the file is no program for this machine.
pub(crate) const WRONG_FORMAT: i32 = rustix::io::Errno::NOEXEC.raw_os_error();

/// A child, to be waited for by one owner.
#[derive(Debug)]
pub(crate) struct Process {
    child: tokio::process::Child,
    pid: u32,
    leash: Leash,
}

/// The right to signal a child's group, until the child has been reaped.
///
/// A number that was reaped may be given to another process, so reaping and signalling exclude
/// each other: `None` once the number is not ours any more.
#[derive(Clone, Debug)]
pub(crate) struct Leash(Arc<Mutex<Option<Pid>>>);

/// Starts the child as the leader of a group of its own.
pub(crate) fn start(mut command: Command, parent_death_signal: bool) -> io::Result<Process> {
    command.process_group(0);
    if parent_death_signal {
        end_with_parent(&mut command);
    }
    let child = command.spawn()?;
    let number = child.id().ok_or_else(|| io::Error::other("a child that was just started has no number"))?;
    let group = i32::try_from(number).ok().and_then(Pid::from_raw);
    Ok(Process { child, pid: number, leash: Leash(Arc::new(Mutex::new(group))) })
}

/// Has the system kill the child when the thread that forks it ends.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "code that runs between fork and exec is unsafe by nature")]
fn end_with_parent(command: &mut Command) {
    let parent = rustix::process::getpid();
    let arm = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // Had the parent died before the line above, no signal would ever come.
        if rustix::process::getppid() == Some(parent) {
            Ok(())
        } else {
            Err(io::Error::from(rustix::io::Errno::SRCH))
        }
    };
    // SAFETY: after a fork only async-signal-safe calls are allowed. These are two plain system
    // calls; nothing is allocated and no lock is taken, on the failing paths neither.
    unsafe {
        command.pre_exec(arm);
    }
}

/// Other systems have no such signal: the journal finds the orphans.
#[cfg(not(target_os = "linux"))]
fn end_with_parent(_command: &mut Command) {}

impl Process {
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn leash(&self) -> &Leash {
        &self.leash
    }

    pub(crate) fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    pub(crate) fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Waits for the child's end, reaps it, and kills what it left in its group. Cancel-safe.
    pub(crate) async fn ended(&mut self) -> io::Result<std::process::ExitStatus> {
        let Self { child, leash, .. } = self;
        let mut wait = pin!(child.wait());
        poll_fn(|cx| {
            let mut group = leash.lock();
            let status = wait.as_mut().poll(cx);
            if status.is_ready()
                && let Some(group) = group.take()
            {
                // The number of a group is not given away while the group has members; if it has
                // none, it would have to come round again and be made a group within these lines.
                send(group, Signal::KILL);
            }
            status
        })
        .await
    }
}

impl Leash {
    /// Asks the group to end.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends the group.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = *self.lock() {
            send(group, signal);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Pid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn send(group: Pid, signal: Signal) {
    match kill_process_group(group, signal) {
        // An empty group is what we want; macOS says EPERM for one of zombies.
        Ok(()) | Err(rustix::io::Errno::SRCH | rustix::io::Errno::PERM) => {}
        Err(error) => tracing::warn!(?group, ?signal, %error, "cannot signal a child's group"),
    }
}

/// Kills the group that `leader` leads; whose it is, the caller has made sure of.
pub(crate) fn kill_group(leader: u32) {
    if let Some(group) = signalable(leader) {
        send(group, Signal::KILL);
    }
}

/// Kills one process; whose it is, the caller has made sure of.
pub(crate) fn kill_one(pid: u32) {
    if let Some(pid) = signalable(pid) {
        // It may have ended meanwhile, and whether it has is looked at anyway.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Zero means "my own group" and one is init: neither is ever meant.
fn signalable(pid: u32) -> Option<Pid> {
    if pid < 2 {
        return None;
    }
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// The signals that end a process, by name; their numbers differ between systems.
const NAMES: [(Signal, &str); 24] = [
    (Signal::HUP, "SIGHUP"),
    (Signal::INT, "SIGINT"),
    (Signal::QUIT, "SIGQUIT"),
    (Signal::ILL, "SIGILL"),
    (Signal::TRAP, "SIGTRAP"),
    (Signal::ABORT, "SIGABRT"),
    (Signal::BUS, "SIGBUS"),
    (Signal::FPE, "SIGFPE"),
    (Signal::KILL, "SIGKILL"),
    (Signal::USR1, "SIGUSR1"),
    (Signal::SEGV, "SIGSEGV"),
    (Signal::USR2, "SIGUSR2"),
    (Signal::PIPE, "SIGPIPE"),
    (Signal::ALARM, "SIGALRM"),
    (Signal::TERM, "SIGTERM"),
    (Signal::STOP, "SIGSTOP"),
    (Signal::TSTP, "SIGTSTP"),
    (Signal::TTIN, "SIGTTIN"),
    (Signal::TTOU, "SIGTTOU"),
    (Signal::XCPU, "SIGXCPU"),
    (Signal::XFSZ, "SIGXFSZ"),
    (Signal::VTALARM, "SIGVTALRM"),
    (Signal::PROF, "SIGPROF"),
    (Signal::SYS, "SIGSYS"),
];

/// What the system's status says.
pub(crate) fn classify(status: std::process::ExitStatus) -> ExitStatus {
    if let Some(code) = status.code() {
        return ExitStatus::Code(code);
    }
    let Some(number) = status.signal() else {
        return ExitStatus::Unknown;
    };
    let named = NAMES.iter().find(|(signal, _)| signal.as_raw() == number);
    ExitStatus::Signal {
        number,
        name: named.map_or(UNNAMED_SIGNAL, |(_, name)| name),
        core_dumped: status.core_dumped(),
    }
}
