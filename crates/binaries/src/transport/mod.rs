//! How files come here.

mod hash;
mod pip;
mod url;

use std::{io, path::Path};

use async_trait::async_trait;
use loadmaster_fetch::FetchError;

pub(crate) use self::hash::{hash_file, hex};
pub use self::{pip::PipDownloads, url::UrlDownloads};

/// A file at an address, and what must come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The address.
    pub url: String,
    /// Of the file, in lower-case hexadecimal digits.
    pub sha256: String,
    /// Size of the file, where known.
    pub bytes: Option<u64>,
}

/// Brings files from addresses.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Brings the file to `to`, whose folder exists. There is a file at `to` afterwards only if its size and
    /// hash are right; what came of it before it broke off may stay beside it. `progress` hears how many bytes there are, and how many there will be.
    async fn fetch(
        &self,
        wish: &Wish,
        to: &Path,
        progress: &(dyn Fn(u64, Option<u64>) + Send + Sync),
    ) -> Result<(), TransportError>;
}

/// Why a file did not come.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The server, or the way to it.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It is not the file that was pinned.
    #[error("{what} has the SHA-256 {actual}, and {expected} is pinned: it is not used")]
    Checksum {
        /// The file.
        what: String,
        /// What is pinned.
        expected: String,
        /// What came.
        actual: String,
    },
    /// It is not as long as the file that was pinned.
    #[error("{what} has {actual} bytes, and {expected} are pinned: it is not used")]
    Length {
        /// The file.
        what: String,
        /// What is pinned.
        expected: u64,
        /// What came.
        actual: u64,
    },
    /// No Python could be started.
    #[error("there is no Python to run pip: {cause}")]
    NoPython {
        /// Why.
        cause: String,
    },
    /// pip did not bring it.
    #[error("pip cannot bring {what}: {cause}")]
    Pip {
        /// The package.
        what: String,
        /// What pip said last.
        cause: String,
    },
    /// It could not be written.
    #[error("it cannot be written: {0}")]
    Io(#[from] io::Error),
}

impl TransportError {
    /// What the user can do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::Fetch(error) => error.remedy(),
            Self::Checksum { .. } | Self::Length { .. } => {
                "Try again; if it stays so, the file was replaced at its source, and should not be trusted."
                    .to_owned()
            }
            Self::NoPython { .. } => "Install Python 3 with pip, or name one that you have.".to_owned(),
            Self::Pip { .. } => {
                "Check with `pip download` whether pip reaches its index from here.".to_owned()
            }
            Self::Io(_) => "Check that the disk has room.".to_owned(),
        }
    }
}

/// Compares a file with what is pinned, and removes it if it is another.
pub(crate) async fn check(
    path: &Path,
    what: &str,
    sha256: &str,
    bytes: Option<u64>,
) -> Result<(), TransportError> {
    let fault = difference(path, what, sha256, bytes).await?;
    if let Some(fault) = fault {
        tokio::fs::remove_file(path).await?;
        return Err(fault);
    }
    Ok(())
}

async fn difference(
    path: &Path,
    what: &str,
    sha256: &str,
    bytes: Option<u64>,
) -> Result<Option<TransportError>, io::Error> {
    let what = what.to_owned();
    let actual = tokio::fs::metadata(path).await?.len();
    if let Some(expected) = bytes.filter(|expected| *expected != actual) {
        return Ok(Some(TransportError::Length { what, expected, actual }));
    }
    let path = path.to_owned();
    let hashing = tokio::task::spawn_blocking(move || hash_file(&path));
    let actual = hashing.await.map_err(io::Error::other)??;
    let expected = sha256.to_owned();
    Ok((actual != expected).then_some(TransportError::Checksum { what, expected, actual }))
}
