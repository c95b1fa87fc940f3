//! Tests with real archives, real pip and real servers.

#[expect(clippy::unwrap_used, reason = "what tests share fails as tests do")]
mod archives;
#[expect(clippy::unwrap_used, reason = "what tests share fails as tests do")]
mod attacks;
#[cfg(unix)]
#[expect(clippy::unwrap_used, reason = "what tests share fails as tests do")]
mod builds;
mod catalogs;
#[expect(clippy::unwrap_used, reason = "what tests share fails as tests do")]
mod choosing;
#[cfg(unix)]
#[expect(clippy::unwrap_used, reason = "what tests share fails as tests do")]
mod extras;
#[cfg(unix)]
#[expect(clippy::unwrap_used, reason = "what tests share fails as tests do")]
mod failing;
#[expect(clippy::unwrap_used, reason = "what tests share fails as tests do")]
mod fetching;
#[cfg(target_os = "linux")]
#[expect(clippy::unwrap_used, reason = "what tests share fails as tests do")]
mod full;
#[cfg(unix)]
#[expect(clippy::unwrap_used, reason = "what tests share fails as tests do")]
mod installing;
#[expect(clippy::unwrap_used, reason = "what tests share fails as tests do")]
mod names;
#[expect(clippy::unwrap_used, reason = "what tests share fails as tests do")]
mod packed;
#[cfg(unix)]
#[expect(clippy::unwrap_used, reason = "what tests share fails as tests do")]
mod paintings;
#[cfg(unix)]
#[expect(clippy::unwrap_used, reason = "what tests share fails as tests do")]
mod processes;
#[cfg(unix)]
#[expect(clippy::unwrap_used, reason = "what tests share fails as tests do")]
mod proofs;
#[cfg(unix)]
#[expect(clippy::unwrap_used, reason = "what tests share fails as tests do")]
mod upkeep;
#[expect(clippy::unwrap_used, reason = "what tests share fails as tests do")]
mod web;
