//! One download per target, in one process and in two.

use std::{fs, time::Duration};

use loadmaster_fetch::{Download, How, Phase, Progress};

use crate::{
    hub::{Answer, Hub, noise},
    killed::Downloading,
    support::{MIB, assert_there, client, download},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_second_process_waits_sees_how_far_the_first_is_and_gets_its_file() {
    let (file, folder) = (noise(16 * MIB, 5), tempfile::tempdir().unwrap());
    let served = file.clone();
    let drip = Some((64 * 1024, Duration::from_millis(20)));
    let hub = Hub::start(move |_| Answer { drip, ..Answer::of(&served) }).await;
    let mut first = Downloading::start(&hub.url(), &folder.path().join("model.gguf"));
    while !folder.path().join("model.gguf.part").exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let second = download(&hub, folder.path());
    let mut progress = second.progress();
    let watching = tokio::spawn(async move {
        let mut seen: Vec<Progress> = Vec::new();
        while progress.changed().await.is_ok() {
            seen.push(progress.borrow_and_update().clone());
        }
        seen
    });
    let downloaded = second.run().await.unwrap();
    assert!(first.ends().await);
    assert_there(folder.path(), &file, &downloaded);
    assert_eq!((downloaded.how, hub.sent()), (How::ByAnother, 16 * MIB as u64));
    let seen = watching.await.unwrap();
    let waiting: Vec<_> = seen.iter().filter(|now| now.phase == Phase::WaitingForOther).collect();
    let shown = |now: &&&Progress| now.received > 0 && now.total == Some(16 * MIB as u64) && now.speed > 0;
    assert!(waiting.iter().filter(shown).count() > 1, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_goes_on_where_the_first_was_stopped() {
    let (file, folder) = (noise(16 * MIB, 5), tempfile::tempdir().unwrap());
    let served = file.clone();
    let drip = Some((64 * 1024, Duration::from_millis(20)));
    let hub = Hub::start(move |_| Answer { drip, ..Answer::of(&served) }).await;
    let first = download(&hub, folder.path());
    let mut progress = first.progress();
    let first = tokio::spawn(first.run());
    progress.wait_for(|now| now.received > 2 * MIB as u64).await.unwrap();
    let second = tokio::spawn(download(&hub, folder.path()).run());
    tokio::time::sleep(Duration::from_millis(100)).await;
    first.abort();
    let downloaded = second.await.unwrap().unwrap();
    assert_there(folder.path(), &file, &downloaded);
    let How::Downloaded { resumed } = downloaded.how else { panic!("{:?}", downloaded.how) };
    assert!(resumed >= 2 * MIB as u64, "{resumed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_for_one_target_fetch_it_once() {
    let (file, folder) = (noise(5 * MIB, 5), tempfile::tempdir().unwrap());
    let hub = Hub::of(&file).await;
    // One that is old is there: only a new one counts.
    fs::write(folder.path().join("model.gguf"), vec![0; 5 * MIB]).unwrap();
    let hash = loadmaster_fetch::Sha256Hash::of(&file);
    let runs: Vec<_> = (0..6)
        .map(|_| {
            let target = folder.path().join("model.gguf");
            let download = Download::new(&client(), &hub.url(), target).unwrap().expect_sha256(hash);
            tokio::spawn(download.run())
        })
        .collect();
    let mut downloads = 0;
    for run in runs {
        let downloaded = run.await.unwrap().unwrap();
        downloads += usize::from(matches!(downloaded.how, How::Downloaded { .. }));
        assert_eq!(downloaded.sha256, hash);
    }
    assert_eq!((downloads, hub.sent()), (1, 5 * MIB as u64));
}
