//! What the system says of a process: its memory, its work, and whether a port is its own.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "other.rs")]
mod system;

pub(crate) use self::system::{listens, peak, work};

/// Whether a process listens at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux tells"))]
pub(crate) enum Listens {
    /// It does not.
    Not,
    /// It does, and nobody else.
    Alone,
    /// It does, and so does another one: each connection goes to either.
    Shared,
}
