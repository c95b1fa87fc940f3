//! Files over HTTP(S), simply: from the start to the end, hashed on the way.

use std::path::Path;

use async_trait::async_trait;
use loadmaster_fetch::{Client, RemoteFile};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::{Transport, TransportError, Wish, hash::hex};

/// More bytes than any file has; what is beyond the end of a file is not sent.
const ALL: u64 = i64::MAX as u64;

/// [`Transport`] over a [`Client`]. Connections that break are taken up again; a process that ends begins anew.
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
        let result = fetch(&self.client, wish, to, progress).await;
        if result.is_err() {
            // What is there is not the file, if there is anything.
            drop(tokio::fs::remove_file(to).await);
        }
        result
    }
}

async fn fetch(
    client: &Client,
    wish: &Wish,
    to: &Path,
    progress: &(dyn Fn(u64, Option<u64>) + Send + Sync),
) -> Result<(), TransportError> {
    let (remote, mut body) = RemoteFile::open(client, &wish.url, 0..ALL).await?;
    let what = remote.url();
    let total = wish.bytes.or(remote.length());
    let wrong_length =
        |actual| TransportError::Length { what: what.clone(), expected: total.unwrap_or(0), actual };
    if remote.length().is_some() && remote.length() != total {
        return Err(wrong_length(remote.length().unwrap_or(0)));
    }
    let mut file = tokio::fs::File::create(to).await?;
    let mut hash = Sha256::new();
    let mut bytes = 0;
    while let Some(chunk) = body.chunk().await? {
        bytes += chunk.len() as u64;
        // A server that never ends must not fill the disk.
        if total.is_some_and(|total| bytes > total) {
            return Err(wrong_length(bytes));
        }
        hash.update(&chunk);
        file.write_all(&chunk).await?;
        progress(bytes, total);
    }
    file.sync_all().await?;
    if total.is_some_and(|total| bytes != total) {
        return Err(wrong_length(bytes));
    }
    let actual = hex(&hash.finalize());
    if actual != wish.sha256 {
        return Err(TransportError::Checksum { what, expected: wish.sha256.clone(), actual });
    }
    Ok(())
}
