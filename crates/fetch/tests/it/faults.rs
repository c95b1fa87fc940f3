//! Downloads from servers that fail at chosen bytes.

use std::time::Duration;

use loadmaster_fetch::{
    Client, Credential, Download, FetchError, How, Options, Phase, Sha256Hash, StartedOver,
};

use crate::{
    hub::{Answer, Hub, Request, header, noise},
    scripted::Script,
    support::{MIB, assert_there, client_that_waits, download, interrupted, names, options, settled},
};

/// Downloads a file of `size` bytes from a server whose answers `fault` spoils; it must come whole.
async fn survives(size: usize, fault: impl Fn(&Request, Answer) -> Answer + Send + Sync + 'static) -> Hub {
    let (file, folder) = (noise(size, 9), tempfile::tempdir().expect("a folder can be made"));
    let served = file.clone();
    let hub = Hub::start(move |request| fault(request, Answer::of(&served))).await;
    let downloaded = download(&hub, folder.path()).run().await.expect("it comes whole");
    assert_there(folder.path(), &file, &downloaded);
    hub
}

/// Downloads from a server whose answers `fault` spoils; it must fail, and leave no target.
async fn fails(
    change: impl Fn(Download) -> Download,
    fault: impl Fn(&Request, Answer) -> Answer + Send + Sync + 'static,
) -> FetchError {
    let (file, folder) = (noise(MIB, 9), tempfile::tempdir().expect("a folder can be made"));
    let hub = Hub::start(move |request| fault(request, Answer::of(&file))).await;
    let error = change(download(&hub, folder.path()).retries(1)).run().await.expect_err("it is spoilt");
    assert!(!folder.path().join("model.gguf").exists());
    assert!(error.remedy().ends_with('.') && !error.to_string().contains('\n'), "{error}");
    error
}

#[tokio::test]
async fn cuts_cost_what_was_on_its_way_and_no_more() {
    // Each connection breaks after a third of what it is asked for, twice.
    let hub = survives(24 * MIB, |request, answer| {
        let range = request.range.clone().expect("it asks for ranges");
        let cut = (request.number < 8).then_some(range.start + (range.end - range.start) / 3);
        Answer { cut, ..answer }
    })
    .await;
    assert!(hub.requests().len() > 8);
    assert!(hub.sent() <= 24 * MIB as u64 * 102 / 100, "{} bytes were sent", hub.sent());
}

#[tokio::test]
async fn cuts_without_ranges_begin_at_the_start_again() {
    let hub = survives(3 * MIB, |request, answer| Answer {
        ranges: false,
        cut: (request.number < 2).then_some(MIB as u64 * (1 + request.number as u64)),
        ..answer
    })
    .await;
    assert_eq!((hub.requests().len(), hub.sent()), (3, 6 * MIB as u64));
}

#[tokio::test]
async fn silence_is_broken_off_and_slowness_is_not() {
    let (file, folder) = (noise(MIB, 9), tempfile::tempdir().unwrap());
    let served = file.clone();
    // The first answer ends in silence; the second takes longer than the server may be silent, and never is.
    let hub = Hub::start(move |request| Answer {
        stall: (request.number == 0).then_some(MIB as u64 / 4),
        drip: Some((64 * 1024, Duration::from_millis(200))),
        ..Answer::of(&served)
    })
    .await;
    let client = client_that_waits(Duration::from_secs(2));
    let target = folder.path().join("model.gguf");
    let downloaded = Download::new(&client, &hub.url(), target).unwrap().run().await.unwrap();
    assert_there(folder.path(), &file, &downloaded);
    assert_eq!((hub.requests().len(), hub.sent()), (2, MIB as u64));
}

#[tokio::test]
async fn servers_that_are_busy_are_asked_again_when_they_said() {
    let start = std::time::Instant::now();
    let hub = survives(MIB, |request, answer| match request.number {
        0 => Answer::refusal(429, "retry-after: 1\r\n"),
        1 => Answer::refusal(503, ""),
        2 => Answer::refusal(500, ""),
        _ => answer,
    })
    .await;
    assert_eq!((hub.requests().len(), hub.sent()), (4, MIB as u64));
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_server_that_wants_fewer_connections_gets_fewer() {
    let drip = Some((256 * 1024, Duration::from_millis(2)));
    let hub = survives(24 * MIB, move |_, answer| Answer { drip, alone: true, ..answer }).await;
    assert_eq!(hub.sent(), 24 * MIB as u64);
}

#[tokio::test]
async fn what_is_refused_is_not_asked_for_again() {
    for status in [400, 401, 403, 404, 410, 451, 501] {
        let (folder, hub) =
            (tempfile::tempdir().unwrap(), Hub::start(move |_| Answer::refusal(status, "")).await);
        let error = download(&hub, folder.path()).run().await.expect_err("there is no file");
        let told = match error {
            FetchError::NotFound { .. } => status == 404 || status == 410,
            FetchError::Denied { status: told, .. } | FetchError::Status { status: told, .. } => {
                told == status
            }
            _ => false,
        };
        assert!(told, "{status}: {error}");
        assert_eq!((hub.requests().len(), names(folder.path())), (1, vec![]), "{status}");
    }
}

#[tokio::test]
async fn tries_end_with_the_cause() {
    let error = fails(|download| download, |_, answer| Answer { cut: Some(0), ..answer }).await;
    assert!(matches!(error, FetchError::Cut { received: 0, .. }), "{error}");
    let error = fails(|download| download, |_, _| Answer::refusal(429, "retry-after: 86400\r\n")).await;
    assert_eq!(error.remedy(), "The server asks for patience: try again in 86400 s.");
}

#[tokio::test]
async fn lies_about_ranges_and_lengths_are_seen() {
    let error = fails(|download| download, |_, answer| Answer { shift: 7, ..answer }).await;
    assert!(matches!(error, FetchError::WrongRange { wanted: 0, .. }), "{error}");
    let error = fails(|download| download.expect_size(MIB as u64 + 1), |_, answer| answer).await;
    let (expected, actual) = (MIB as u64 + 1, MIB as u64);
    assert!(
        matches!(error, FetchError::WrongSize { expected: e, actual: a, .. } if (e, a) == (expected, actual))
    );
    // It says more than it sends.
    let error = fails(|d| d, |_, answer| Answer { longer: 5, ranges: false, ..answer }).await;
    assert!(matches!(error, FetchError::Cut { received, .. } if received == MIB as u64), "{error}");
    // It does not say how much it sends, and it is more, or less, than was expected.
    for expected in [MIB as u64 - 1, MIB as u64 + 1] {
        let spoilt = |_: &Request, answer: Answer| Answer { unsaid_length: true, ranges: false, ..answer };
        let error = fails(move |download| download.expect_size(expected), spoilt).await;
        assert!(matches!(error, FetchError::WrongSize { expected: e, .. } if e == expected), "{error}");
    }
}

#[tokio::test]
async fn a_part_is_not_gone_on_with_at_a_place_that_was_not_asked_for() {
    let (file, folder) = (noise(16 * MIB, 9), tempfile::tempdir().unwrap());
    let drip = Some((64 * 1024, Duration::from_millis(5)));
    let (first, second) = (file.clone(), file.clone());
    let hub = Hub::start(move |_| Answer { drip, ..Answer::of(&first) }).await;
    interrupted(download(&hub, folder.path()), 3 * MIB as u64).await;
    settled(folder.path()).await;
    // The same version, as it says, but bytes from elsewhere.
    let liar = Hub::start(move |_| Answer { shift: 7, ..Answer::of(&second) }).await;
    let error = download(&liar, folder.path()).run().await.unwrap_err();
    assert!(matches!(error, FetchError::WrongRange { wanted, .. } if wanted > 0), "{error}");
    assert_eq!(names(folder.path()), ["model.gguf.part", "model.gguf.part.journal"]);
    // What was there before is still good.
    let downloaded = download(&hub, folder.path()).run().await.unwrap();
    assert_there(folder.path(), &file, &downloaded);
    assert!(matches!(downloaded.how, How::Downloaded { resumed } if resumed >= 3 * MIB as u64));
}

#[tokio::test]
async fn a_wrong_hash_leaves_nothing() {
    let (file, folder) = (noise(5 * MIB, 9), tempfile::tempdir().unwrap());
    let hub = Hub::of(&file).await;
    let expected = Sha256Hash::of(b"another file");
    let error = download(&hub, folder.path()).expect_sha256(expected).run().await.unwrap_err();
    assert_eq!(error, FetchError::WrongHash { url: hub.url(), expected, actual: Sha256Hash::of(&file) });
    assert_eq!((names(folder.path()), hub.sent()), (vec![], 5 * MIB as u64));
}

#[tokio::test]
async fn a_part_that_spoils_the_hash_is_thrown_away() {
    let (file, folder) = (noise(16 * MIB, 9), tempfile::tempdir().unwrap());
    let served = file.clone();
    let drip = Some((64 * 1024, Duration::from_millis(5)));
    let hub = Hub::start(move |_| Answer { drip, ..Answer::of(&served) }).await;
    interrupted(download(&hub, folder.path()), 3 * MIB as u64).await;
    settled(folder.path()).await;
    let part = folder.path().join("model.gguf.part");
    let mut bytes = std::fs::read(&part).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&part, bytes).unwrap();
    let download = download(&hub, folder.path()).expect_sha256(Sha256Hash::of(&file));
    let progress = download.progress();
    let downloaded = download.run().await.unwrap();
    assert_there(folder.path(), &file, &downloaded);
    assert_eq!(progress.borrow().started_over, Some(StartedOver::WrongHash));
}

#[tokio::test]
async fn a_file_that_changes_under_way_is_begun_anew() {
    let (old, new) = (noise(32 * MIB, 1), noise(32 * MIB, 2));
    let folder = tempfile::tempdir().unwrap();
    let served = new.clone();
    // The third request, and all after it, find another version.
    let hub = Hub::start(move |request| match request.number {
        0..2 => Answer::of(&old),
        _ => Answer { etag: Some("\"v2\"".into()), ..Answer::of(&served) },
    })
    .await;
    let download = download(&hub, folder.path());
    let progress = download.progress();
    let downloaded = download.run().await.unwrap();
    assert_there(folder.path(), &new, &downloaded);
    assert_eq!(progress.borrow().started_over, Some(StartedOver::Changed));
}

#[tokio::test]
async fn troubles_are_shown() {
    let (file, folder) = (noise(MIB, 1), tempfile::tempdir().unwrap());
    let hub = Hub::start(move |request| match request.number {
        0 => Answer::refusal(502, ""),
        _ => Answer::of(&file),
    })
    .await;
    let download = download(&hub, folder.path());
    let mut progress = download.progress();
    let running = tokio::spawn(download.run());
    let trouble = progress.wait_for(|now| matches!(now.phase, Phase::Retrying { .. })).await.unwrap();
    let Phase::Retrying { pause, cause } = trouble.phase.clone() else { unreachable!() };
    drop(trouble);
    assert!(matches!(cause, FetchError::Status { status: 502, .. }), "{cause}");
    assert!(pause <= Duration::from_secs(1));
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn redirects_lead_to_another_host_for_every_range() {
    let (file, folder) = (noise(24 * MIB, 4), tempfile::tempdir().unwrap());
    let network = Hub::of(&file).await;
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nlocation: {}?sig=secret\r\nx-linked-size: {}\r\nx-linked-etag: \"sha\"\r\ncontent-length: 0\r\n\r\n",
        network.url(),
        file.len()
    );
    let hub = Script::start(vec![redirect]).await;
    let target = folder.path().join("model.gguf");
    let credential = Credential::new(&hub.url("/"), Some("secret-token".to_owned()), "").unwrap();
    let client = Client::new(Options { credentials: vec![credential], ..options() }).unwrap();
    let downloaded = Download::new(&client, &hub.url("/a"), target).unwrap().run().await.unwrap();
    assert_there(folder.path(), &file, &downloaded);
    assert_eq!((hub.heads().len(), network.sent()), (1, file.len() as u64));
    // Another port is another origin, which must not see the token.
    assert!(hub.heads()[0].contains("authorization: Bearer secret-token\r\n"));
    assert!(network.requests().iter().all(|request| header(&request.head, "authorization").is_none()));
}
