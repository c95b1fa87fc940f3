//! A child together with everything it starts: a process group on Unix, a Job Object on Windows.
//!
//! Both siblings offer the same: [`start`], [`classify`], [`Process`] (owned by the monitor) and
//! [`Leash`] (held by whoever may end the child), and for orphans [`kill_group`] and [`kill_one`].

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use self::unix::{Leash, Process, WRONG_FORMAT, classify, kill_group, kill_one, start};

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub(crate) use self::windows::{Leash, Process, WRONG_FORMAT, classify, kill_group, kill_one, start};
