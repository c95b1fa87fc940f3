//! What a child prints.

use loadmaster_supervise::{LogFile, Stream};

use crate::support::{sh, spawn};

#[tokio::test]
async fn lines_come_as_they_are_printed_and_say_from_where() {
    let folder = tempfile::tempdir().unwrap();
    // Each line is printed when the one before it was seen.
    let script = "wait_for() { while [ ! -e $1 ]; do sleep 0.01; done; }
        echo one; wait_for one; echo two >&2; wait_for two; printf three";
    let child = spawn(sh(script).cwd(folder.path())).await;
    let mut lines = child.lines();
    let mut got = Vec::new();
    while let Some(line) = lines.next().await {
        std::fs::write(folder.path().join(&*line.text), "seen").unwrap();
        got.push((line.stream, line.text.to_string()));
    }
    let expected = [(Stream::Stdout, "one"), (Stream::Stderr, "two"), (Stream::Stdout, "three")];
    assert_eq!(got, expected.map(|(stream, text)| (stream, text.to_owned())));
    assert_eq!(lines.missed(), 0);
}

#[tokio::test]
async fn only_the_last_lines_are_kept() {
    let child = spawn(sh("seq 1 1000").ring_lines(3)).await;
    let exit = child.exit().wait().await;
    assert_eq!(exit.last_lines, ["998", "999", "1000"]);
}

#[tokio::test]
async fn all_of_a_flood_arrives_before_the_exit() {
    let child = spawn(sh("seq 1 100000; seq 100001 100010 >&2").ring_lines(200_000)).await;
    let exit = child.exit().wait().await;
    assert_eq!(exit.last_lines.len(), 100_010);
}

#[tokio::test]
async fn megabytes_without_a_line_end_are_one_short_line() {
    let script = "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo after";
    let exit = spawn(sh(script)).await.exit().wait().await;
    assert_eq!(exit.last_lines.len(), 2);
    assert!(exit.last_lines[0].len() < 10_000);
    assert!(exit.last_lines[0].ends_with(" [cut]"));
    assert_eq!(exit.last_lines[1], "after");
}

#[tokio::test]
async fn bytes_that_are_no_text_do_no_harm() {
    let exit = spawn(sh(r"printf 'caf\351\n\377\376\n'")).await.exit().wait().await;
    assert_eq!(exit.last_lines, ["caf\u{fffd}", "\u{fffd}\u{fffd}"]);
}

#[tokio::test]
async fn a_progress_bar_is_seen_while_it_moves() {
    let script = r"printf '\r1/2'; printf '\r2/2'; printf '\r'; exec sleep 600";
    let child = spawn(sh(script)).await;
    let mut lines = child.lines();
    assert_eq!(&*lines.next().await.unwrap().text, "1/2");
    assert_eq!(&*lines.next().await.unwrap().text, "2/2");
}

#[tokio::test]
async fn the_log_file_is_rotated_and_complete_when_the_exit_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs").join("server.log");
    let log = LogFile { path: path.clone(), max_bytes: 20_000, keep: 3 };
    let child = spawn(sh("seq 1 20000").log(log)).await;
    assert!(child.exit().wait().await.status.success());

    let read = |name: &str| std::fs::read_to_string(path.with_file_name(name)).unwrap();
    let files = ["server.log.2", "server.log.1", "server.log"].map(read);
    assert!(files.iter().all(|text| text.len() <= 20_000));
    assert!(!path.with_file_name("server.log.3").exists());
    let numbers: Vec<u32> = files.concat().lines().map(|line| line.parse().unwrap()).collect();
    let first = numbers[0];
    assert!(numbers.iter().copied().eq(first..=20_000), "no line is lost or torn");
    assert!(numbers.len() > 5_000);
}

#[tokio::test]
async fn the_next_child_goes_on_in_the_same_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    for word in ["first", "second"] {
        let child = spawn(sh(&format!("echo {word}")).log(LogFile::new(&path))).await;
        child.exit().wait().await;
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "first\nsecond\n");
}

/// Every write to `/dev/full` fails.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_does_not_hurt_the_child() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let child = spawn(sh("seq 1 1000; exit 3").log(LogFile::new(&path))).await;
    let exit = child.exit().wait().await;
    assert_eq!(exit.status.to_string(), "exit code 3");
    assert_eq!(exit.last_lines.last().unwrap(), "1000");
}

/// Keeps what comes after a line `on`, and no line `off`, of each stream by itself.
fn between() -> Box<dyn FnMut(&str) -> bool + Send> {
    let mut on = false;
    Box::new(move |line| {
        on = line == "on" || on && line != "off";
        on
    })
}

#[tokio::test]
async fn what_is_not_to_be_kept_is_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("child.log");
    let script = "echo secret; echo on; echo told; echo off; echo secret; echo secret >&2";
    let child = spawn(sh(script).log(LogFile::new(&log)).keep(between)).await;
    let mut lines = child.lines();
    let exit = child.exit().wait().await;
    assert_eq!(exit.last_lines, ["on", "told"]);
    assert_eq!(lines.next().await.unwrap().text.as_ref(), "on");
    assert_eq!(std::fs::read_to_string(log).unwrap(), "on\ntold\n");
}
