//! What the lines of servers' logs tell: how bad they are, and when they were written.

use std::{io, path::Path, time::SystemTime};

use super::{Level, Lines, LogLine, tail};

/// Lines of a server's log.
pub(super) fn lines(
    file: &Path,
    level: Level,
    after: Option<u64>,
    limit: usize,
    source: &str,
    model: &str,
) -> io::Result<Lines> {
    let read = tail::read(file, after)?;
    let all = told(&read, source, model);
    let matching: Vec<LogLine> = all.into_iter().filter(|line| line.level <= level).collect();
    let count = matching.len();
    if after.is_none() {
        let skipped = count.saturating_sub(limit);
        return Ok(Lines { lines: matching.into_iter().skip(skipped).collect(), next: read.next });
    }
    let lines: Vec<LogLine> = matching.into_iter().take(limit).collect();
    let cut = lines.last().filter(|_| lines.len() < count).map(|line| line.seq);
    Ok(Lines { lines, next: cut.unwrap_or(read.next) })
}

/// What was read, as lines with level and time. The number of a line is the offset of its end in the file.
pub(super) fn told(read: &tail::Read, source: &str, model: &str) -> Vec<LogLine> {
    let mut level = Level::Info;
    let mut lines = Vec::new();
    let mut seq = read.from;
    let mut times = Vec::new();
    for line in read.text.split_inclusive('\n') {
        seq += u64::try_from(line.len()).unwrap_or(u64::MAX);
        let line = line.trim_end_matches(['\n', '\r']);
        // A line that says nothing of its level goes on with the one before.
        level = level_of(line).unwrap_or(level);
        times.push(since_start(line));
        let (source, model) = (source.to_owned(), Some(model.to_owned()));
        lines.push(LogLine { source, model, level, at_ms: None, line: line.to_owned(), seq });
    }
    let ends = read.changed.and_then(|changed| changed.duration_since(SystemTime::UNIX_EPOCH).ok());
    if let Some(ends) = ends.and_then(|ends| u64::try_from(ends.as_millis()).ok()) {
        set_times(&mut lines, &times, ends);
    }
    lines
}

/// Servers count from their start; the last line was written when the file was last changed.
fn set_times(lines: &mut [LogLine], times: &[Option<u64>], ends: u64) {
    let Some(last) = times.iter().rev().find_map(|time| *time) else { return };
    let mut earlier = last;
    for (line, time) in lines.iter_mut().zip(times).rev() {
        let time = time.unwrap_or(earlier);
        if time > earlier {
            // Written by an earlier start: nobody knows when that was.
            return;
        }
        earlier = time;
        line.at_ms = ends.checked_sub(last - time);
    }
}

/// `0.01.234.567 W srv ...` of llama-server, `[WARN ] ...` of stable-diffusion.cpp.
fn level_of(line: &str) -> Option<Level> {
    if let Some(rest) = line.strip_prefix('[') {
        return match rest.split_once(']')?.0.trim() {
            "DEBUG" | "VERBOSE" => Some(Level::Debug),
            "INFO" => Some(Level::Info),
            "WARN" | "WARNING" => Some(Level::Warn),
            "ERROR" => Some(Level::Error),
            _ => None,
        };
    }
    since_start(line)?;
    match line.split(' ').nth(1)? {
        "D" => Some(Level::Debug),
        "I" => Some(Level::Info),
        "W" => Some(Level::Warn),
        "E" => Some(Level::Error),
        _ => None,
    }
}

/// The time in front of a line of llama-server, in milliseconds since its start: minutes, seconds, milliseconds and
/// microseconds (`common/log.cpp`).
fn since_start(line: &str) -> Option<u64> {
    let mut parts = line.split(' ').next()?.split('.').map(|part| part.parse::<u64>().ok());
    let (minutes, seconds, millis, _micros) =
        (parts.next()??, parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() {
        return None;
    }
    minutes.checked_mul(60_000)?.checked_add(seconds.checked_mul(1000)?)?.checked_add(millis)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LOG: &str = "0.05.000.000 I srv  load_model: earlier\n\
                       0.00.087.787 I cmn  common_param: build 1\n\
                       a line that goes on\n\
                       0.01.088.126 W srv  llama_server: careful\n\
                       [ERROR] stable-diffusion.cpp:12 - bad\n\
                       0.03.088.000 D srv  done\n";

    fn read() -> tail::Read {
        let changed = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(100));
        tail::Read { text: LOG.to_owned(), from: 10, next: 10 + LOG.len() as u64, changed }
    }

    #[test]
    fn levels_and_times_are_read() {
        let lines = told(&read(), "a#1", "a");
        let told: Vec<_> = lines.iter().map(|line| (line.level, line.at_ms)).collect();
        assert_eq!(
            told,
            [
                (Level::Info, None),
                (Level::Info, Some(96_999)),
                (Level::Info, Some(98_000)),
                (Level::Warn, Some(98_000)),
                (Level::Error, Some(100_000)),
                (Level::Debug, Some(100_000)),
            ]
        );
        assert_eq!(lines.last().unwrap().seq, read().next);
        assert_eq!((lines[2].line.as_str(), lines[2].model.as_deref()), ("a line that goes on", Some("a")));
    }

    #[test]
    fn strange_lines_are_lines() {
        for line in
            ["", "[", "1.2.3", "99999999999999999999.0.0.0 I x", "1.2.3.4", "18446744073709551615.9.9.9 I"]
        {
            assert_eq!(level_of(line), None, "{line}");
        }
    }
}
