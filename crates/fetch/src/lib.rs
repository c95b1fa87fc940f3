//! Downloads and ranges of files over HTTP(S), as model hubs serve them.
//!
//! A [`Client`] holds what concerns every request: proxies of the system, certificates, tokens,
//! timeouts, a limit to the bandwidth. A [`Download`] brings a file to a folder, and [`Downloads`]
//! several. A [`RemoteFile`] is one file on a server: its length, its `ETag`, whether ranges work, and
//! its bytes, in pieces or whole. A [`Verification`] compares files on the disk with their hashes.
//!
//! ```no_run
//! use loadmaster_fetch::{Client, Download, Options, RemoteFile};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(Options::default())?;
//! let download = Download::new(&client, "https://example.com/model.gguf", "model.gguf")?;
//! let progress = download.progress();
//! let file = download.run().await?;
//! println!("{} bytes, SHA-256 {}, {:?}", file.length, file.sha256, file.how);
//!
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
//! - A target is whole, as expected and on the disk when it appears, and does not appear before. What was
//!   there under its name stays until then.
//! - A download that is dropped, killed or cut from the power goes on from there: what its journal claims
//!   was synced before. Bytes of two versions of a file are never put together.
//! - One download per target at a time, among all processes on the machine.
//! - A token goes to the origin (scheme, host and port) it was given for, and nowhere else: not to the
//!   host that a redirect leads to, nor to the same host without TLS.
//! - A redirect never leads from HTTPS to HTTP.
//! - A connection that is cut is taken up again where it broke; a file that changed in between is an
//!   error of a [`Body`], and a new start of a [`Download`]. What a server says of lengths is compared with
//!   what it sends.
//! - Dropping a [`Body`] ends its transfer.
//! - Errors never show the query of an address, which in signed addresses is a secret.
//!
//! # Limitations
//! - HTTP/1.1.
//! - A download whose length the server does not say starts from the beginning each time; so does one
//!   without `ETag` and `Last-Modified`, unless its SHA-256 is known.
//! - Bytes that an earlier try left are hashed again: half a second for each GB, while the rest comes.
//! - The lock is one of the file system (`flock`, `LockFileEx`): some network file systems have none.
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
    progress::{Phase, Progress, Speed, StartedOver},
    set::Downloads,
    sha256::{Sha256Hash, sha256_file},
    verify::Verification,
};
