//! Identity from `/proc`.

use std::fs;

use super::Seen;

/// What can be seen of the process `pid`; `None` if there is none.
pub(crate) fn look(pid: u32) -> Option<Seen> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let Stat { state, threads, ticks } = parse_stat(&String::from_utf8_lossy(&stat))?;
    // A process whose first thread has ended is a zombie while its other threads still hold its memory.
    let ended = matches!(state, 'Z' | 'X' | 'x') && threads <= 1;
    // Ticks are counted from the boot, so the boot belongs to them.
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Some(Seen { start: format!("{}:{ticks}", boot.trim()), ended })
}

/// The processes, ourselves excepted, that run with `name=value` in their environment.
///
/// It is the environment they were started with, and only our own user's can be read.
pub(crate) fn carriers(name: &str, value: &str) -> Vec<u32> {
    let mark = format!("{name}={value}");
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let me = std::process::id();
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != me && carries(*pid, mark.as_bytes()))
        .filter(|pid| look(*pid).is_some_and(|seen| !seen.ended))
        .collect()
}

fn carries(pid: u32, mark: &[u8]) -> bool {
    fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|pair| pair == mark))
}

/// What is read of proc(5)'s `stat`.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    /// Field 3.
    state: char,
    /// Field 20.
    threads: u64,
    /// Field 22: the start time in ticks.
    ticks: u64,
}

/// The name of the program (field 2) may hold anything, closing parentheses included, so fields
/// are counted from the last one.
fn parse_stat(stat: &str) -> Option<Stat> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let threads = fields.nth(16)?.parse().ok()?;
    let ticks = fields.nth(1)?.parse().ok()?;
    Some(Stat { state, threads, ticks })
}

#[cfg(test)]
mod tests {
    use super::{Stat, parse_stat};

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_mislead() {
        let stat = "42 (a) Z 7 (b) S 1 42 42 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 98765 0 0";
        assert_eq!(parse_stat(stat), Some(Stat { state: 'S', threads: 1, ticks: 98765 }));
    }

    #[test]
    fn what_is_no_stat_gives_nothing() {
        for text in ["", ")", "1 (x) S", "1 (x) S 1 2 3", "no parenthesis"] {
            assert_eq!(parse_stat(text), None, "{text}");
        }
    }
}
