//! One module for each command.

pub(crate) mod completions;
pub(crate) mod estimate;
pub(crate) mod inspect;
pub(crate) mod probe;
pub(crate) mod ps;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod stop;

#[cfg_attr(unix, path = "interrupts/unix.rs")]
#[cfg_attr(not(unix), path = "interrupts/windows.rs")]
mod interrupts;
