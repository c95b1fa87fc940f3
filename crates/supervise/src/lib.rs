//! One child process, supervised: started, watched, stopped, its death classified, and never left
//! behind as an orphan.
//!
//! ```
//! use std::time::Duration;
//! use loadmaster_supervise::{Spec, Supervisor};
//!
//! # #[cfg(unix)]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let supervisor = Supervisor::new(None);
//! let child = supervisor
//!     .spawn(Spec::new("sh").args(["-c", "echo listening; exec sleep 60"]))
//!     .await?;
//!
//! // Ready when it says so; a child that dies instead ends the wait at once.
//! let mut lines = child.lines();
//! let said = lines.next().await.expect("the shell prints one line");
//! assert_eq!(&*said.text, "listening");
//!
//! // TERM to the whole group, KILL after five seconds.
//! let exit = child.stop(Duration::from_secs(5)).await;
//! assert!(exit.asked);
//! assert_eq!(exit.status.to_string(), "killed by SIGTERM");
//! # Ok(()) })
//! # }
//! # #[cfg(not(unix))]
//! # fn main() {}
//! ```
//!
//! # Theory of operation
//!
//! One thread, the *keeper*, lives as long as the program. It runs a small tokio runtime of its
//! own on which every child is started, read and reaped; the methods of [`Child`] only talk to it.
//! A child therefore does not depend on the runtime, the task or the thread that asked for it, and
//! a deadline is real time even in a test whose own clock is paused. It must be one thread for
//! life, because Linux ends a child with a parent-death signal when the *thread* that forked it
//! ends.
//!
//! Each child has two readers (one per stream), which cut the output into lines for the
//! [tail](Child::tail), the [subscribers](Child::lines) and the [log file](LogFile), and one
//! monitor, which alone knows whether the child still runs, carries out stops, and publishes the
//! [`Exit`] once the output has been read to its end.
//!
//! # Guarantees
//!
//! - A child has a process group of its own (Unix) or a Job Object (Windows), and every signal
//!   goes to all of it. When the child ends by itself, what it left in its group is ended too.
//! - No signal is ever sent to a number that the system could have given to somebody else: a lock
//!   is held between reaping a child and forgetting its number.
//! - Dropping the [`Child`] kills the group. So does the end of the program, however it comes: on
//!   Windows by the Job Object, on Linux by the parent-death signal (the child itself), elsewhere
//!   and for grandchildren by [`Journal::reap_orphans`] at the next start.
//! - [`settled`] waits until what was dropped is gone, its entry in the journal included.
//! - Output is never lost by waiting: the pipes are always being read, memory is bounded whatever
//!   the child prints, and a disk that is too slow loses lines of the log file, not the child's
//!   time.
//!
//! # Limitations
//!
//! - Windows has no TERM for a program without a window: a stop there ends the job at once.
//! - A child that overwrites its own environment block (as `setproctitle` does) is not recognised
//!   by [`Journal::reap_orphans`], which then leaves it alone.
//! - The journal's folder must not be shared by programs in different PID namespaces
//!   (containers), because a process number means nothing outside its own.
//! - A process that has left the group (`setsid`) is not reached by a stop. If it still carries
//!   the child's mark in its environment, [`Journal::reap_orphans`] finds it once the owner has
//!   died.

mod child;
mod error;
mod exit;
mod group;
mod identity;
mod journal;
mod keeper;
mod launch;
mod log;
mod loose;
mod monitor;
mod nonce;
mod nt_status;
mod race;
mod reader;
mod ring;
mod spec;
mod split;
mod stopping;

pub use self::child::{Child, NotReady};
pub use self::error::SuperviseError;
pub use self::exit::{Exit, ExitStatus, ExitWatch};
pub use self::journal::{Journal, Orphan, Outcome, Reaped};
pub use self::keeper::settled;
pub use self::launch::Supervisor;
pub use self::nonce::NONCE_VARIABLE;
pub use self::ring::{Line, Lines, Stream};
pub use self::spec::{LineFilter, LogFile, Spec};
