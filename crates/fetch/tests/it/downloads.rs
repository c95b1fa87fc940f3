//! Downloads from servers that do as they should, and those that go on from an earlier try.

use std::{fs, sync::Arc, time::Duration};

use loadmaster_fetch::{Bytes, Download, FetchError, How, Phase, RemoteFile, Sha256Hash, StartedOver};

use crate::{
    hub::{Answer, Hub, header, noise},
    support::{MIB, assert_there, client, download, interrupted, names, settled},
};

fn dripping(file: &Arc<Vec<u8>>) -> Answer {
    Answer { drip: Some((64 * 1024, Duration::from_millis(10))), ..Answer::of(file) }
}

#[tokio::test]
async fn files_of_all_sizes_come_whole() {
    for size in [0, 1, 1000, 4 * MIB, 8 * MIB, 8 * MIB + 1, 40 * MIB + 7] {
        let (file, folder) = (noise(size, 7), tempfile::tempdir().unwrap());
        let hub = Hub::of(&file).await;
        let download = download(&hub, folder.path()).expect_size(size as u64);
        let downloaded = download.expect_sha256(Sha256Hash::of(&file)).run().await.unwrap();
        assert_there(folder.path(), &file, &downloaded);
        assert_eq!(downloaded.how, How::Downloaded { resumed: 0 });
        assert_eq!(hub.sent(), size as u64, "no byte is sent twice");
        if size <= 8 * MIB {
            assert_eq!(hub.requests().len(), 1);
        }
    }
}

#[tokio::test]
async fn several_connections_share_a_file_and_are_used_again() {
    let (file, folder) = (noise(64 * MIB, 3), tempfile::tempdir().unwrap());
    let hub = Hub::start({
        let file = file.clone();
        move |_| Answer { drip: Some((256 * 1024, Duration::from_millis(1))), ..Answer::of(&file) }
    })
    .await;
    let download = download(&hub, folder.path()).connections(4..=4);
    let mut progress = download.progress();
    let watching = tokio::spawn(async move {
        let mut most = 0;
        while progress.changed().await.is_ok() {
            most = most.max(progress.borrow().connections);
        }
        most
    });
    let downloaded = download.run().await.unwrap();
    assert_there(folder.path(), &file, &downloaded);
    assert_eq!((watching.await.unwrap(), hub.sent()), (4, 64 * MIB as u64));
    // One that is asked for just before another is free again may be new.
    let (requests, connections) = (hub.requests().len(), hub.connections());
    assert!(connections >= 4 && connections < requests, "{requests} requests by {connections} connections");
}

#[tokio::test]
async fn servers_without_ranges_get_one_connection() {
    let (file, folder) = (noise(20 * MIB, 3), tempfile::tempdir().unwrap());
    for unsaid_length in [false, true] {
        let served = file.clone();
        let hub = Hub::start(move |_| Answer { ranges: false, unsaid_length, ..Answer::of(&served) }).await;
        let downloaded = download(&hub, folder.path()).run().await.unwrap();
        assert_there(folder.path(), &file, &downloaded);
        assert_eq!(hub.requests().len(), 1);
    }
}

#[tokio::test]
async fn what_came_is_gone_on_with() {
    let (file, folder) = (noise(16 * MIB, 5), tempfile::tempdir().unwrap());
    let served = file.clone();
    let hub = Hub::start(move |_| dripping(&served)).await;
    for parts in 1..=3 {
        interrupted(download(&hub, folder.path()), (parts * 3 * MIB) as u64).await;
        settled(folder.path()).await;
        assert_eq!(names(folder.path()), ["model.gguf.part", "model.gguf.part.journal"]);
    }
    fs::write(folder.path().join("model.gguf.part.journal.new"), "half").unwrap();
    let before = hub.requests().len();
    let downloaded = download(&hub, folder.path()).run().await.unwrap();
    assert_there(folder.path(), &file, &downloaded);
    let How::Downloaded { resumed } = downloaded.how else { panic!("{:?}", downloaded.how) };
    assert!(resumed >= 9 * MIB as u64, "{resumed}");
    let first = &hub.requests()[before];
    assert_eq!(header(&first.head, "if-range"), Some("\"v1\""), "{}", first.head);
    // What was on its way when it was stopped was sent in vain, up to what sockets hold.
    assert!(hub.sent() < 40 * MIB as u64, "{}", hub.sent());
}

#[tokio::test]
async fn it_can_be_stopped_at_any_byte() {
    let (file, folder) = (noise(16 * MIB, 8), tempfile::tempdir().unwrap());
    let served = file.clone();
    // Odd steps, so that what came ends anywhere.
    let drip = Some((64 * 1024 - 7, Duration::from_millis(1)));
    let hub = Hub::start(move |_| Answer { drip, ..Answer::of(&served) }).await;
    for number in 0..40_u64 {
        let download = download(&hub, folder.path());
        // Dropped after a moment that is another each time: before it asks, before anything came, under way.
        let ended = tokio::time::timeout(Duration::from_micros(number * 397 % 16_000), download.run()).await;
        settled(folder.path()).await;
        let whole = folder.path().join("model.gguf");
        if let Ok(downloaded) = ended {
            assert_there(folder.path(), &file, &downloaded.unwrap());
        } else if whole.exists() {
            // It came to its end as it was dropped: nobody was told of it, but it is the file, and all of it.
            assert!(fs::read(&whole).unwrap() == *file, "{number}");
            assert_eq!(names(folder.path()), ["model.gguf"], "{number}");
        } else {
            continue;
        }
        fs::remove_file(whole).unwrap();
    }
    let downloaded = download(&hub, folder.path()).run().await.unwrap();
    assert_there(folder.path(), &file, &downloaded);
}

#[tokio::test]
async fn what_came_of_another_version_is_not() {
    let (old, new) = (noise(16 * MIB, 5), noise(16 * MIB, 6));
    let cases = [
        (Some("\"v1\""), Some("\"v2\""), true, StartedOver::Changed),
        (None, None, true, StartedOver::NoProof),
        (Some("W/\"v1\""), Some("W/\"v1\""), true, StartedOver::NoProof),
        (Some("\"v1\""), Some("\"v1\""), false, StartedOver::NoRanges),
    ];
    for (before, now, ranges, why) in cases {
        let folder = tempfile::tempdir().unwrap();
        let served = old.clone();
        let etag = move |tag: Option<&str>| tag.map(str::to_owned);
        let hub = Hub::start(move |_| Answer { etag: etag(before), ..dripping(&served) }).await;
        interrupted(download(&hub, folder.path()), 3 * MIB as u64).await;
        settled(folder.path()).await;
        let served = new.clone();
        let hub = Hub::start(move |_| Answer { etag: etag(now), ranges, ..Answer::of(&served) }).await;
        // The address is another one as well, as far as the journal knows: the port.
        let journal = folder.path().join("model.gguf.part.journal");
        let text = fs::read_to_string(&journal).unwrap();
        let url = text.lines().find(|line| line.starts_with("url ")).unwrap();
        fs::write(&journal, text.replace(url, &format!("url {}", hub.url()))).unwrap();
        let download = download(&hub, folder.path());
        let progress = download.progress();
        let downloaded = download.run().await.unwrap();
        assert_there(folder.path(), &new, &downloaded);
        assert_eq!(downloaded.how, How::Downloaded { resumed: 0 }, "{before:?} {now:?}");
        let progress = progress.borrow();
        assert_eq!((&progress.phase, progress.started_over), (&Phase::Done, Some(why)));
        assert_eq!(hub.sent(), 16 * MIB as u64, "the answer that told of it is used");
    }
}

#[tokio::test]
async fn what_is_there_already_is_not_fetched_again() {
    let (file, folder) = (noise(MIB, 5), tempfile::tempdir().unwrap());
    let hub = Hub::of(&file).await;
    let hash = Sha256Hash::of(&file);
    for (sent, expected) in [(1, Some(hash)), (1, Some(hash)), (2, None)] {
        let download = download(&hub, folder.path());
        let download = match expected {
            Some(hash) => download.expect_sha256(hash),
            None => download,
        };
        assert_there(folder.path(), &file, &download.run().await.unwrap());
        assert_eq!(hub.requests().len(), sent);
    }
    // One that is not what is expected is replaced.
    fs::write(folder.path().join("model.gguf"), "other").unwrap();
    let downloaded = download(&hub, folder.path()).expect_sha256(hash).run().await.unwrap();
    assert_there(folder.path(), &file, &downloaded);
}

#[tokio::test]
async fn a_target_that_cannot_be_is_refused_before_anything_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::of(&noise(10, 1)).await;
    fs::create_dir(folder.path().join("folder")).unwrap();
    for target in ["folder", "missing/model.gguf"] {
        let download = Download::new(&client(), &hub.url(), folder.path().join(target)).unwrap();
        let error = download.run().await.unwrap_err();
        assert!(matches!(error, FetchError::Disk { .. }), "{error}");
    }
    assert_eq!(hub.requests().len(), 0);
    assert_eq!(names(folder.path()), ["folder"]);
}

#[tokio::test]
async fn what_was_left_can_be_thrown_away() {
    let (file, folder) = (noise(16 * MIB, 5), tempfile::tempdir().unwrap());
    let hub = Hub::start(move |_| dripping(&file)).await;
    interrupted(download(&hub, folder.path()), MIB as u64).await;
    settled(folder.path()).await;
    // A process that was killed while it noted what came leaves this as well.
    fs::write(folder.path().join("model.gguf.part.journal.new"), "half").unwrap();
    Download::discard(&folder.path().join("model.gguf")).unwrap();
    assert_eq!(names(folder.path()), [""; 0]);
}

#[tokio::test]
async fn what_was_read_before_is_not_fetched_again() {
    let (file, other) = (noise(9 * MIB, 5), noise(9 * MIB, 6));
    let hash = Sha256Hash::of(&file);
    for (start, resumed, sent) in [
        // As it is; as it was of another version, which the hash shows; nothing at all.
        (&file[..2 * MIB], 2 * MIB, 7 * MIB),
        (&other[..2 * MIB], 0, 16 * MIB),
        (&file[..0], 0, 9 * MIB),
    ] {
        let (hub, folder) = (Hub::of(&file).await, tempfile::tempdir().unwrap());
        let (remote, body) = RemoteFile::open(&client(), &hub.url(), 0..1).await.unwrap();
        drop(body);
        let before = hub.sent();
        let download = download(&hub, folder.path()).expect_sha256(hash);
        let download = download.known_start(&remote, Bytes::copy_from_slice(start));
        let downloaded = download.run().await.unwrap();
        assert_there(folder.path(), &file, &downloaded);
        assert_eq!(downloaded.how, How::Downloaded { resumed: resumed as u64 });
        assert_eq!(hub.sent() - before, sent as u64);
    }
}

#[tokio::test]
async fn an_earlier_try_counts_more_than_what_was_read() {
    let (file, folder) = (noise(16 * MIB, 5), tempfile::tempdir().unwrap());
    let served = file.clone();
    let hub = Hub::start(move |_| dripping(&served)).await;
    interrupted(download(&hub, folder.path()), 3 * MIB as u64).await;
    settled(folder.path()).await;
    let (remote, body) = RemoteFile::open(&client(), &hub.url(), 0..1).await.unwrap();
    drop(body);
    let start = Bytes::copy_from_slice(&file[..MIB]);
    let downloaded = download(&hub, folder.path()).known_start(&remote, start).run().await.unwrap();
    assert_there(folder.path(), &file, &downloaded);
    let How::Downloaded { resumed } = downloaded.how else { panic!("{:?}", downloaded.how) };
    assert!(resumed >= 3 * MIB as u64, "{resumed}");
}
