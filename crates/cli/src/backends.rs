//! The backends that this command ships.
//!
//! A backend registers itself at link time, but rustc drops a crate that nothing names: so every
//! backend is named here, and nowhere else. `unused_crate_dependencies` warns of one that is not.

#[cfg(feature = "llama")]
use loadmaster_backend_llama as _;
#[cfg(feature = "sd")]
use loadmaster_backend_sd as _;
