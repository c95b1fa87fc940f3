//! Several builds side by side.

use std::fs;

use loadmaster_binaries::{BinariesError, Program, Variant};

use crate::builds::{Setup, real};

const LLAMA: Program = Program::Llama;

async fn three() -> Setup {
    let mut setup = Setup::new();
    for id in ["one", "two", "three"] {
        setup.archive(id, "[\"cpu\"]", &real(id));
    }
    for id in ["one", "two", "three"] {
        setup.install_build(id).await.unwrap();
    }
    setup
}

async fn current(setup: &Setup) -> String {
    setup.find().await.unwrap().build
}

#[tokio::test]
async fn going_back_and_pinning() {
    let setup = three().await;
    let library = setup.library();
    assert_eq!(current(&setup).await, "three");
    assert_eq!(library.roll_back(LLAMA, &setup.observer()).await.unwrap(), "two");
    assert_eq!(current(&setup).await, "two");

    library.pin(LLAMA, "one", &setup.observer()).await.unwrap();
    setup.install_build("three").await.unwrap();
    assert_eq!(current(&setup).await, "one");
    assert!(library.list(LLAMA, &setup.host).unwrap().pinned);
    let refused = library.roll_back(LLAMA, &setup.observer()).await;
    assert!(matches!(refused, Err(BinariesError::Pinned { .. })));
    let refused = library.remove(LLAMA, "one", &setup.observer()).await;
    assert!(matches!(refused, Err(BinariesError::Pinned { .. })));

    library.unpin(LLAMA, &setup.observer()).await.unwrap();
    setup.install_build("three").await.unwrap();
    assert_eq!(current(&setup).await, "three");
    assert_eq!(library.roll_back(LLAMA, &setup.observer()).await.unwrap(), "one");
    assert_eq!(library.roll_back(LLAMA, &setup.observer()).await.unwrap(), "two");
    let refused = library.roll_back(LLAMA, &setup.observer()).await;
    assert!(matches!(refused, Err(BinariesError::NothingBefore { .. })));
    let refused = library.pin(LLAMA, "four", &setup.observer()).await;
    assert!(matches!(refused, Err(BinariesError::NotInstalled { .. })));
}

#[tokio::test]
async fn removing_and_pruning() {
    let setup = three().await;
    let library = setup.library();
    let removed = library.remove(LLAMA, "three", &setup.observer()).await.unwrap();
    assert_eq!(removed.builds, ["three"]);
    assert!(removed.bytes > 0);
    assert_eq!(current(&setup).await, "two");
    setup.install_build("three").await.unwrap();
    let pruned = library.prune(LLAMA, 1, &setup.observer()).await.unwrap();
    assert_eq!(pruned.builds, ["one"]);
    let installed = library.list(LLAMA, &setup.host).unwrap().installed;
    let ids: Vec<_> = installed.iter().map(|build| build.build.as_str()).collect();
    assert_eq!(ids, ["three", "two"]);
    assert_eq!(library.prune(LLAMA, 0, &setup.observer()).await.unwrap().builds, ["two"]);
    assert_eq!(current(&setup).await, "three");
    library.remove(LLAMA, "three", &setup.observer()).await.unwrap();
    assert!(matches!(setup.find().await, Err(BinariesError::NotInstalled { .. })));
    let again = library.remove(LLAMA, "three", &setup.observer()).await;
    assert!(matches!(again, Err(BinariesError::NotInstalled { .. })));
    let builds = setup.home.path().join("library/llama/builds");
    assert_eq!(fs::read_dir(builds).unwrap().count(), 0);
}

#[tokio::test]
async fn verifying_reads_everything() {
    let setup = three().await;
    let library = setup.library();
    let all = library.verify(LLAMA, None, false, &setup.host, &setup.observer()).await.unwrap();
    assert!(all.len() == 3 && all.iter().all(|one| one.damaged.is_empty() && one.files == 2));
    // Rot that the file system does not tell of.
    let mark = setup.home.path().join("library/llama/builds/two/MARK");
    let time = fs::metadata(&mark).unwrap().modified().unwrap();
    fs::write(&mark, "TWO").unwrap();
    fs::File::options().append(true).open(&mark).unwrap().set_modified(time).unwrap();
    let two = library.verify(LLAMA, Some("two"), true, &setup.host, &setup.observer()).await.unwrap();
    assert_eq!(two[0].damaged, ["MARK"]);
    assert!(two[0].proof.is_none(), "what is damaged is not started");
    let one = library.verify(LLAMA, Some("one"), true, &setup.host, &setup.observer()).await.unwrap();
    assert!(one[0].proof.as_ref().unwrap().worked);
    let none = library.verify(LLAMA, Some("four"), false, &setup.host, &setup.observer()).await;
    assert!(matches!(none, Err(BinariesError::NotInstalled { .. })));
}

#[tokio::test]
async fn a_damaged_record_takes_no_other_down() {
    let setup = three().await;
    let library = setup.library();
    let record = setup.home.path().join("library/llama/records/one.json");
    fs::write(&record, "{").unwrap();
    let listing = library.list(LLAMA, &setup.host).unwrap();
    assert_eq!(listing.installed.len(), 3);
    let one = listing.installed.iter().find(|build| build.build == "one").unwrap();
    assert!(one.damage.as_ref().unwrap().contains("is damaged"));
    assert_eq!(current(&setup).await, "three");
    // Installing it again puts it right.
    setup.install_build("one").await.unwrap();
    assert_eq!(current(&setup).await, "one");
    fs::write(&record, "{").unwrap();
    library.remove(LLAMA, "one", &setup.observer()).await.unwrap();
    assert_eq!(current(&setup).await, "three");
}

#[tokio::test]
async fn listings_are_json() {
    let setup = three().await;
    let listing = setup.library().list(LLAMA, &setup.host).unwrap();
    assert_eq!(listing.available.len(), 3);
    assert_eq!(listing.available[0].variant, Variant::Cpu);
    let json = serde_json::to_value(&listing).unwrap();
    assert_eq!(json["current"], "three");
    assert_eq!(json["installed"][0]["proofs"][0]["variant"], "cpu");
    assert_eq!(json["installed"][0]["source"], "archive");
}
