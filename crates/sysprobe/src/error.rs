//! The errors of this crate.

/// Why nothing could be said about this machine.
///
/// A graphics driver that fails is not an error: it becomes a [`Note`](crate::Note).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// [`Probe::in_own_child`](crate::Probe::in_own_child) was called in a program that has not
    /// called [`answer_if_asked`](crate::answer_if_asked). Starting it again as a probe would
    /// run the whole program a second time.
    #[error(
        "the probe cannot start this program again: its `main` has not called \
         `loadmaster_sysprobe::answer_if_asked()`; call it first thing in `main`"
    )]
    NotPrepared,

    /// The path of the running program is unknown.
    #[error(
        "the path of the running program is unknown, so it cannot be started again as a probe; \
         use `Probe::in_child` with a path, or `Probe::in_this_process`"
    )]
    OwnPath(#[source] std::io::Error),

    /// The operating system refused the basic figures of processor and memory.
    #[error("processor and memory could not be read ({0}); is /proc mounted and readable?")]
    System(String),
}
