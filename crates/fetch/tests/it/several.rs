//! Several files at once.

use loadmaster_fetch::{Download, Downloads, FetchError, How, Phase, Progress};

use crate::{
    hub::{Answer, Hub, noise},
    support::{MIB, client, names},
};

#[tokio::test(flavor = "multi_thread")]
async fn each_has_its_outcome_and_they_add_up() {
    let (file, folder) = (noise(3 * MIB, 5), tempfile::tempdir().unwrap());
    let hub = Hub::of(&file).await;
    let nothing = Hub::start(|_| Answer::refusal(404, "")).await;
    let to = |hub: &Hub, name: &str| {
        Download::new(&client(), &hub.url(), folder.path().join(name)).unwrap().expect_size(3 * MIB as u64)
    };
    let set = Downloads::new(vec![to(&hub, "a"), to(&nothing, "b"), to(&hub, "c"), to(&hub, "d")]).at_once(2);
    let mut progress = set.progress();
    let watching = tokio::spawn(async move {
        let mut seen: Vec<Progress> = Vec::new();
        while progress.changed().await.is_ok() {
            seen.push(progress.borrow_and_update().clone());
        }
        seen
    });
    let outcomes = set.run().await;
    let told: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Ok(file) => file.how == How::Downloaded { resumed: 0 },
            Err(error) => !matches!(error, FetchError::NotFound { .. }),
        })
        .collect();
    assert_eq!(
        (told, names(folder.path())),
        (vec![true, false, true, true], vec!["a".into(), "c".into(), "d".into()])
    );
    let seen = watching.await.unwrap();
    assert!(seen.iter().all(|now| now.total == Some(12 * MIB as u64)), "{seen:?}");
    let last = seen.last().unwrap();
    assert_eq!((&last.phase, last.received), (&Phase::Done, 9 * MIB as u64));
}

#[tokio::test]
async fn none_is_done_at_once() {
    assert_eq!(Downloads::new(vec![]).run().await, []);
}
