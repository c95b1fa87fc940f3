//! What becomes of a child when the program that started it is killed.
//!
//! Each test runs this very binary again as that program: the same test, told by the environment
//! that it is the parent.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use loadmaster_supervise::{Journal, Outcome, Spec, Supervisor};

use crate::support::{runs, sh, until, until_gone};

/// Tells the test that it is the parent, and the folder of its journal.
const PARENT: &str = "SUPERVISE_TEST_PARENT";

/// The folder of the journal, if this process was started by [`parent`].
fn journal_as_parent() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "nothing but the environment can be given to a test")]
    std::env::var_os(PARENT).map(PathBuf::from)
}

/// The program that is killed: when its test says so, and when its test fails.
struct Parent(Child);

impl Drop for Parent {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Runs the named test of this binary as a parent.
fn parent(test: &str, journal: &Path) -> Parent {
    #[expect(clippy::disallowed_methods, reason = "the program under test must not be supervised by itself")]
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test]).env(PARENT, journal).stdout(Stdio::null());
    Parent(command.spawn().unwrap())
}

/// Is the parent: starts the child and does nothing until it is killed.
fn be_parent(journal: &Path, spec: Spec) -> ! {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let journal = Journal::open(journal).unwrap();
    let _child = runtime.block_on(Supervisor::new(Some(journal)).spawn(spec)).unwrap();
    loop {
        std::thread::park();
    }
}

/// The number of the child, once the journal has it.
fn child_in(journal: &Path) -> u32 {
    until("the journal names a child", || {
        // An entry that is still being written does not count yet.
        let mut files = std::fs::read_dir(journal).unwrap();
        let file = files.find_map(|file| {
            let path = file.unwrap().path();
            path.extension().is_some_and(|end| end == "json").then_some(path)
        })?;
        let entry = std::fs::read(file).ok()?;
        let entry: serde_json::Value = serde_json::from_slice(&entry).ok()?;
        u32::try_from(entry["child"]["pid"].as_u64()?).ok()
    })
}

/// The number that the child wrote to a file in its folder.
fn number_in(file: &Path) -> u32 {
    until("the child has written a number", || {
        let text = std::fs::read_to_string(file).ok()?;
        text.strip_suffix('\n')?.parse().ok()
    })
}

#[test]
fn a_child_dies_with_its_parent() {
    if let Some(journal) = journal_as_parent() {
        be_parent(&journal, sh("trap '' TERM; while :; do sleep 0.1; done"));
    }
    let journal = tempfile::tempdir().unwrap();
    let parent = parent("parents::a_child_dies_with_its_parent", journal.path());
    let child = child_in(journal.path());
    assert!(runs(child));
    drop(parent);
    until_gone(child);
    let reaped = Journal::open(journal.path()).unwrap().reap_orphans().unwrap();
    assert_eq!(reaped.len(), 1);
    assert_eq!(reaped[0].pid, Some(child));
}

#[test]
fn without_the_death_signal_an_orphan_remains_and_the_journal_ends_it() {
    if let Some(journal) = journal_as_parent() {
        let spec = sh("trap '' TERM; sleep 600 & wait");
        be_parent(&journal, spec.parent_death_signal(false));
    }
    let journal = tempfile::tempdir().unwrap();
    let parent =
        parent("parents::without_the_death_signal_an_orphan_remains_and_the_journal_ends_it", journal.path());
    let child = child_in(journal.path());
    let open = Journal::open(journal.path()).unwrap();
    assert_eq!(open.reap_orphans().unwrap(), [], "its owner still lives");
    drop(parent);
    assert!(runs(child), "this is what the journal is for");
    let reaped = open.reap_orphans().unwrap();
    assert_eq!(reaped.len(), 1);
    assert_eq!(reaped[0].pid, Some(child));
    assert_eq!(reaped[0].program.as_deref(), Some(Path::new("sh")));
    assert!(matches!(reaped[0].outcome, Outcome::Killed { .. }), "{reaped:?}");
    assert!(!runs(child));
    assert_eq!(open.reap_orphans().unwrap(), []);
}

/// The kill of a dropped handle does not wait for a thread that ends with the program.
#[test]
fn a_handle_dropped_in_the_last_moment_still_kills() {
    if let Some(journal) = journal_as_parent() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let supervisor = Supervisor::new(Some(Journal::open(&journal).unwrap()));
        let spec = sh("trap '' TERM; echo armed; while :; do sleep 0.1; done");
        let spawned = supervisor.spawn(spec.parent_death_signal(false));
        let child = runtime.block_on(spawned).unwrap();
        runtime.block_on(child.lines().next()).unwrap();
        std::fs::write(journal.parent().unwrap().join("number"), format!("{}\n", child.pid())).unwrap();
        drop(child);
        #[expect(clippy::exit, reason = "the end of the program is what is tested")]
        std::process::exit(0);
    }
    let folder = tempfile::tempdir().unwrap();
    let mut parent =
        parent("parents::a_handle_dropped_in_the_last_moment_still_kills", &folder.path().join("journal"));
    let child = number_in(&folder.path().join("number"));
    assert!(parent.0.wait().unwrap().success());
    until_gone(child);
}

/// The death signal reaches the child alone.
#[test]
fn a_grandchild_that_outlives_both_is_found_by_its_mark() {
    if let Some(journal) = journal_as_parent() {
        let folder = journal.parent().unwrap().to_owned();
        be_parent(&journal, sh("sleep 600 & echo $! > number; wait").cwd(folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let open = Journal::open(&journal).unwrap();
    let parent = parent("parents::a_grandchild_that_outlives_both_is_found_by_its_mark", &journal);
    let child = child_in(&journal);
    let grandchild = number_in(&folder.path().join("number"));
    drop(parent);
    until_gone(child);
    assert!(runs(grandchild));
    let reaped = open.reap_orphans().unwrap();
    assert_eq!(reaped.len(), 1);
    assert_eq!(reaped[0].outcome, Outcome::Killed { processes: 1 });
    assert!(!runs(grandchild));
}
