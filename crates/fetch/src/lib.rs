//! Ranges of files over HTTP(S), as model hubs serve them.
//!
//! A [`Client`] holds what concerns every request: proxies of the system, certificates, tokens,
//! timeouts. A [`RemoteFile`] is one file on a server: its length, its `ETag`, whether ranges work, and
//! its bytes, in pieces or whole.
//!
//! ```no_run
//! use loadmaster_fetch::{Client, Options, RemoteFile};
//!
//! # async fn example() -> Result<(), loadmaster_fetch::FetchError> {
//! let client = Client::new(Options::default())?;
//! let (file, mut body) = RemoteFile::open(&client, "https://example.com/model.gguf", 0..65_536).await?;
//! println!("{:?} bytes, ranges: {}", file.length(), file.has_ranges());
//! while let Some(bytes) = body.chunk().await? {
//!     println!("{} bytes from {} on", bytes.len(), body.position() - bytes.len() as u64);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//! - A token goes to the origin (scheme, host and port) it was given for, and nowhere else: not to the
//!   host that a redirect leads to, nor to the same host without TLS.
//! - A redirect never leads from HTTPS to HTTP.
//! - A connection that is cut is taken up again where it broke; a file that changed in between is an
//!   error. What a server says of lengths is compared with what it sends.
//! - Dropping a [`Body`] ends its transfer.
//! - Errors never show the query of an address, which in signed addresses is a secret.
//!
//! # Limitations
//! - Only reading. Writing files, resuming across restarts and parallel ranges are still to come.
//! - HTTP/1.1.
//! - Proxies come from the environment (`HTTPS_PROXY`, `NO_PROXY`, ...) or the system's settings, as
//!   the underlying client reads them.

mod body;
mod client;
mod credential;
mod download;
mod error;
mod file;
mod hub;
mod limit;
mod progress;
mod ranges;
mod retry;
mod served;
mod set;
mod sha256;
mod verify;
mod version;

pub use bytes::Bytes;

pub use crate::{
    body::Body,
    client::{Client, Options, Page, PageError},
    credential::{Credential, without_secrets},
    download::{Download, Downloaded, How},
    error::FetchError,
    file::RemoteFile,
    progress::{Phase, Progress, StartedOver},
    set::Downloads,
    sha256::{Sha256Hash, sha256_file},
    verify::Verification,
};
