//! Archives come as they are pinned, or not at all.

use loadmaster_binaries::{Transport, TransportError, UrlDownloads, Wish};
use loadmaster_fetch::{Client, Options};

use crate::web::Web;

/// Fetches a file with this wish, and says whether there is one afterwards.
async fn fetch(wish: Wish) -> (Result<(), TransportError>, bool) {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("file");
    let downloads = UrlDownloads::new(Client::new(Options { retries: 0, ..Options::default() }).unwrap());
    let result = downloads.fetch(&wish, &to, &|_, _| {}).await;
    (result, to.exists())
}

#[tokio::test]
async fn only_the_pinned_file_is_kept() {
    let web = Web::new();
    let (url, sha256) = web.put("a.zip", b"contents".to_vec());
    let good = Wish { url, sha256, bytes: Some(8) };
    assert!(matches!(fetch(good.clone()).await, (Ok(()), true)));
    assert!(matches!(fetch(Wish { bytes: None, ..good.clone() }).await, (Ok(()), true)));
    let other_hash = Wish { sha256: "0".repeat(64), ..good.clone() };
    assert!(matches!(fetch(other_hash).await, (Err(TransportError::Checksum { .. }), false)));
    let other_length = Wish { bytes: Some(9), ..good.clone() };
    assert!(matches!(fetch(other_length).await, (Err(TransportError::Length { actual: 8, .. }), false)));
    let missing = Wish { url: web.url("none"), ..good };
    assert!(matches!(fetch(missing).await, (Err(TransportError::Fetch(_)), false)));
}
