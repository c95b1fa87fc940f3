//! The limit to what a client's downloads take together.

use std::time::{Duration, Instant};

use loadmaster_fetch::{Client, Download, Downloads, Options};

use crate::{
    hub::{Hub, noise},
    support::MIB,
};

#[tokio::test]
async fn downloads_of_a_client_share_its_limit() {
    let (file, folder) = (noise(2 * MIB, 5), tempfile::tempdir().unwrap());
    let hub = Hub::of(&file).await;
    let rate = 4 * MIB as u64;
    let client = Client::new(Options { bytes_per_second: Some(rate), ..Options::default() }).unwrap();
    let both = ["a", "b"].map(|name| Download::new(&client, &hub.url(), folder.path().join(name)).unwrap());
    let start = Instant::now();
    for outcome in Downloads::new(both.into()).at_once(2).run().await {
        outcome.unwrap();
    }
    // 4 MiB at 4 MiB/s, less the quarter of a second that may come at once. Machines that are slow take longer.
    assert!(start.elapsed() >= Duration::from_millis(700), "{:?}", start.elapsed());

    client.limit_downloads(None);
    let third = Download::new(&client, &hub.url(), folder.path().join("c")).unwrap();
    third.run().await.unwrap();
}
