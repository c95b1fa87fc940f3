//! How both programs are started.

use std::path::Path;

use loadmaster_core::{BackendError, LaunchPlan};
use loadmaster_supervise::{Child, LogFile, Spec, Supervisor};

use crate::log::without_what_users_say;

/// Lines that are kept of a program: all of a long request, so that its cause of death is among them.
const RING_LINES: usize = 2000;

/// What starts the program of `plan` in `folder`.
///
/// Its environment keeps it from spinning while it waits (OpenMP), from keeping memory that it has freed (glibc), and
/// from starting a debugger when it crashes (ggml). It is verbose, because it tells of its buffers only then.
pub(crate) fn spec(plan: &LaunchPlan, folder: &Path) -> Result<Spec, BackendError> {
    let program = plan.server.as_ref().ok_or_else(|| {
        BackendError::system("starting stable-diffusion.cpp", "the plan does not name the program")
    })?;
    let environment = [
        ("GGML_NO_BACKTRACE", "1"),
        ("OMP_WAIT_POLICY", "passive"),
        ("MALLOC_ARENA_MAX", "1"),
        ("MALLOC_MMAP_THRESHOLD_", "1048576"),
        ("MALLOC_TRIM_THRESHOLD_", "1048576"),
    ];
    let spec =
        Spec::new(program).arg("--verbose").cwd(folder).keep(without_what_users_say).ring_lines(RING_LINES);
    Ok(environment.into_iter().fold(spec, |spec, (name, value)| spec.env(name, value)))
}

/// Starts it.
pub(crate) async fn spawn(
    supervisor: &Supervisor,
    spec: Spec,
    log: std::path::PathBuf,
    parent_death_signal: bool,
) -> Result<Child, BackendError> {
    let spec = spec.log(LogFile::new(log)).parent_death_signal(parent_death_signal);
    supervisor.spawn(spec).await.map_err(|error| {
        let cause = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        BackendError::system("starting stable-diffusion.cpp", format!("{error}{cause}"))
    })
}
