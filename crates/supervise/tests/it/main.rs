//! Tests with real processes.

#[cfg(unix)]
mod endings;
#[cfg(unix)]
#[expect(clippy::unwrap_used, reason = "what tests share fails as tests do")]
mod orphans;
#[cfg(unix)]
mod output;
#[cfg(target_os = "linux")]
#[expect(clippy::unwrap_used, reason = "what tests share fails as tests do")]
mod parents;
#[cfg(unix)]
mod readiness;
mod refusals;
#[cfg(unix)]
mod stopping;
mod support;
#[cfg(windows)]
mod windows;
