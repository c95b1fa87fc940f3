//! The journal: whom it ends, and whom it leaves alone.

use std::path::{Path, PathBuf};

use loadmaster_supervise::{Child, Journal, Outcome, Spec, Supervisor, settled};
use serde_json::{Value, json};

use crate::support::{LONG, first_number, runs, sh, until_gone};

/// The one entry of a journal.
fn entry(folder: &Path) -> (PathBuf, Value) {
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().collect();
    let [Ok(file)] = files.as_slice() else {
        panic!("not one entry: {files:?}");
    };
    let text = std::fs::read_to_string(file.path()).unwrap();
    (file.path(), serde_json::from_str(&text).unwrap())
}

/// A child of ours and the journal entry that was written for it.
async fn child_and_entry(spec: Spec) -> (Child, Value) {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap();
    let child = Supervisor::new(Some(journal)).spawn(spec).await.unwrap();
    let (_, entry) = entry(folder.path());
    (child, entry)
}

/// Reaps a journal in which `entry` is all there is, and says what came of it.
fn reap(entry: &Value) -> Option<Outcome> {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap();
    let file = folder.path().join("entry.json");
    std::fs::write(&file, entry.to_string()).unwrap();
    let mut reaped = journal.reap_orphans().unwrap();
    assert!(reaped.len() <= 1);
    let outcome = reaped.pop().map(|reaped| reaped.outcome);
    assert_eq!(file.exists(), outcome.is_none(), "what was reaped is forgotten");
    outcome
}

/// The same entry, written by a program that has ended: our number, but at another time.
fn of_dead_owner(entry: &Value) -> Value {
    let mut entry = entry.clone();
    entry["owner"]["start"] = json!("another time");
    entry
}

/// How many entries there are.
fn entries(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

fn sleeper() -> Spec {
    sh("echo up; exec sleep 600")
}

#[tokio::test]
async fn an_entry_names_the_child_and_is_removed_when_it_was_reaped() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap();
    let child = Supervisor::new(Some(journal)).spawn(sleeper()).await.unwrap();
    let (_, entry) = entry(folder.path());
    assert_eq!(entry["child"]["pid"], child.pid());
    assert_eq!(entry["owner"]["pid"], std::process::id());
    assert_eq!(entry["program"], "sh");
    child.stop(LONG).await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_living_owners_child_is_left_alone_and_not_mentioned() {
    let (child, entry) = child_and_entry(sleeper()).await;
    assert_eq!(reap(&entry), None);
    assert!(runs(child.pid()));
}

#[tokio::test]
async fn an_orphan_is_killed_with_its_group() {
    let spec = sh("trap '' TERM; sleep 600 & echo $!; wait");
    let (child, entry) = child_and_entry(spec).await;
    let grandchild = first_number(&child).await;
    let outcome = reap(&of_dead_owner(&entry));
    // The grandchild counts only if it was not just becoming `sleep`; it ends either way.
    assert!(matches!(outcome, Some(Outcome::Killed { .. })), "{outcome:?}");
    until_gone(child.pid());
    until_gone(grandchild);
    assert_eq!(reap(&of_dead_owner(&entry)), Some(Outcome::Gone));
}

/// Number, start time and mark must all be right.
#[tokio::test]
async fn a_stranger_with_the_same_number_is_left_alone() {
    let (child, entry) = child_and_entry(sleeper()).await;
    child.lines().next().await;
    let entry = of_dead_owner(&entry);
    let mut another_start = entry.clone();
    another_start["child"]["start"] = json!("another time");
    let mut another_mark = entry.clone();
    another_mark["nonce"] = json!("0123456789abcdef0123456789abcdef");
    let mut both = another_start.clone();
    both["nonce"] = another_mark["nonce"].clone();
    for stranger in [another_start, another_mark, both] {
        assert_eq!(reap(&stranger), Some(Outcome::Stranger), "{stranger}");
        assert!(runs(child.pid()));
    }
    // The same entry unchanged is the proof that it was the difference that counted.
    assert_eq!(reap(&entry), Some(Outcome::Killed { processes: 1 }));
    until_gone(child.pid());
}

#[tokio::test]
async fn a_child_whose_owner_died_before_writing_its_number_is_found_by_its_mark() {
    let (child, entry) = child_and_entry(sleeper()).await;
    child.lines().next().await;
    let mut entry = of_dead_owner(&entry);
    entry["child"] = Value::Null;
    // The shell may just be becoming `sleep`; by its number it would be waited for.
    let outcome = crate::support::until("the mark can be read", || {
        reap(&entry).filter(|outcome| *outcome != Outcome::Gone)
    });
    assert_eq!(outcome, Outcome::Killed { processes: 1 });
    until_gone(child.pid());
}

#[tokio::test]
async fn damaged_entries_are_reported_and_removed_and_harm_nobody() {
    let (child, entry) = child_and_entry(sleeper()).await;
    let mut damaged = vec![json!(null), json!([]), json!({"nonce": "x"}), json!("text")];
    for pid in [0, 1] {
        let mut entry = of_dead_owner(&entry);
        entry["child"]["pid"] = json!(pid);
        damaged.push(entry);
    }
    for pid in [json!(-5), json!(1e30), json!("7")] {
        let mut entry = of_dead_owner(&entry);
        entry["child"]["pid"] = pid;
        damaged.push(entry);
    }
    for entry in damaged {
        let outcome = reap(&entry);
        assert!(matches!(outcome, Some(Outcome::Damaged { .. })), "{entry}: {outcome:?}");
    }
    assert!(runs(child.pid()));
}

#[test]
fn files_that_are_no_json_or_no_entries() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap();
    std::fs::write(folder.path().join("torn.json"), [b'{', 0xff, 0]).unwrap();
    std::fs::write(folder.path().join("empty.json"), "").unwrap();
    std::fs::write(folder.path().join("notes.txt"), "not ours").unwrap();
    let reaped = journal.reap_orphans().unwrap();
    assert_eq!(reaped.len(), 2);
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names, ["notes.txt"]);
    assert!(journal.reap_orphans().unwrap().is_empty());
}

#[tokio::test]
async fn an_orphan_is_seen_and_left_alone() {
    let (child, entry) = child_and_entry(sleeper()).await;
    let look = |entry: &Value| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("entry.json"), entry.to_string()).unwrap();
        Journal::open(folder.path()).unwrap().orphans().unwrap()
    };
    assert_eq!(look(&entry), [], "its owner lives");
    let orphans = look(&of_dead_owner(&entry));
    assert_eq!(orphans.len(), 1);
    assert!(orphans[0].pids.contains(&child.pid()), "{orphans:?}");
    assert!(runs(child.pid()), "nobody has ended it");
    child.stop(std::time::Duration::ZERO).await;
    assert_eq!(look(&of_dead_owner(&entry)), []);
}

#[tokio::test]
async fn what_was_dropped_is_gone_and_forgotten_once_it_is_settled() {
    let folder = tempfile::tempdir().unwrap();
    let supervisor = Supervisor::open(folder.path()).unwrap();
    let held = supervisor.spawn(sleeper()).await.unwrap();
    let dropped = supervisor.spawn(sleeper()).await.unwrap();
    let pid = dropped.pid();
    drop(dropped);
    // Nobody waits for this one any more: it is started nonetheless, or just about to be.
    {
        let mut called_off = std::pin::pin!(supervisor.spawn(sleeper()));
        std::future::poll_fn(|cx| std::task::Poll::Ready(called_off.as_mut().poll(cx).is_pending())).await;
    }
    settled().await;
    assert!(!runs(pid));
    assert_eq!(entries(folder.path()), 1, "that of the child which is held");
    held.stop(std::time::Duration::ZERO).await;
    assert_eq!(entries(folder.path()), 0);
}

#[tokio::test]
async fn opening_ends_what_an_earlier_program_left() {
    let (child, entry) = child_and_entry(sleeper()).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("entry.json"), of_dead_owner(&entry).to_string()).unwrap();
    Supervisor::open(folder.path()).unwrap();
    assert_eq!(entries(folder.path()), 0);
    assert_eq!(child.exit().wait().await.status.to_string(), "killed by SIGKILL");
}
