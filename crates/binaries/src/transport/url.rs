//! Files over HTTP(S): taken up again where they broke off, retried, checked.

use std::path::Path;

use async_trait::async_trait;
use loadmaster_fetch::{Client, Download, FetchError};

use super::{Transport, TransportError, Wish};

/// How often a request is made again while nothing comes, some four seconds in all: where a source cannot be
/// reached, the next one is to be tried before anybody loses patience.
const RETRIES: u32 = 3;

/// [`Transport`] over a [`Client`]. What came before a download broke off, or its process ended, stays beside the
/// target, and the next one to the same target goes on from there.
#[derive(Debug, Clone)]
pub struct UrlDownloads {
    client: Client,
}

impl UrlDownloads {
    /// Downloads with this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Transport for UrlDownloads {
    async fn fetch(
        &self,
        wish: &Wish,
        to: &Path,
        progress: &(dyn Fn(u64, Option<u64>) + Send + Sync),
    ) -> Result<(), TransportError> {
        let download = Download::new(&self.client, &wish.url, to)?.retries(RETRIES);
        let mut download = download.expect_sha256(wish.sha256.parse()?);
        if let Some(bytes) = wish.bytes {
            download = download.expect_size(bytes);
        }
        let mut news = download.progress();
        let mut running = std::pin::pin!(download.run());
        loop {
            tokio::select! {
                done = &mut running => {
                    let done = done.map_err(pinned)?;
                    progress(done.length, Some(done.length));
                    return Ok(());
                }
                // The sender lives as long as the download, which the other arm waits for.
                Ok(()) = news.changed() => {
                    let (bytes, total) = {
                        let now = news.borrow_and_update();
                        (now.received, now.total)
                    };
                    progress(bytes, total.or(wish.bytes));
                }
            }
        }
    }
}

/// What differs from what is pinned is told as such.
fn pinned(error: FetchError) -> TransportError {
    match error {
        FetchError::WrongHash { url, expected, actual } => {
            TransportError::Checksum { what: url, expected: expected.to_string(), actual: actual.to_string() }
        }
        FetchError::WrongSize { url, expected, actual } => {
            TransportError::Length { what: url, expected, actual }
        }
        error => TransportError::Fetch(error),
    }
}
