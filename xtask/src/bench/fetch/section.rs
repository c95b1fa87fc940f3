//! The page's section of this benchmark.

use std::fmt::Write as _;

use super::Arguments;

pub(super) const OURS: &str = "loadmaster-fetch: SHA-256, synced";
pub(super) const OUR_HASH: &str = "loadmaster-fetch";
pub(super) const VERIFY: &str = "loadmaster-fetch, one file for each core";

/// The medians of one program.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) seconds: f64,
    /// In MiB.
    pub(super) memory: f64,
}

pub(super) struct Facts<'a> {
    pub(super) arguments: &'a Arguments,
    pub(super) machine: &'a str,
    pub(super) downloads: &'a [Row],
    pub(super) hashes: &'a [Row],
}

pub(super) fn section(facts: &Facts<'_>) -> String {
    let Facts { arguments, machine, downloads, hashes } = facts;
    let Arguments { date, rounds, mebibytes } = arguments;
    let mut text = format!(
        "## Downloads\n\n\
         `cargo xtask bench fetch --date {date} --rounds {rounds} --mebibytes {mebibytes}`, on {machine}. A file of {mebibytes} MiB, \
         from a server on 127.0.0.1 that has it in the page cache, to the disk. Every program runs in turn, {rounds} times; whole \
         processes, medians. Ours hashes, syncs and publishes; the others leave the last two out, and curl all three. Memory is \
         the most that was resident.\n\n\
         | download | time | MiB/s | memory |\n|---|---|---|---|\n"
    );
    for row in *downloads {
        writeln!(
            text,
            "| {} | {:.2} s | {:.0} | {:.0} MiB |",
            row.name,
            row.seconds,
            speed(row, *mebibytes),
            row.memory
        )
        .expect("writing to a String cannot fail");
    }
    if let Some(ratio) = ratio(downloads) {
        writeln!(text, "\n{ratio:.2} x the fastest of the others.").expect("writing to a String cannot fail");
    }
    text.push_str(
        "\nSHA-256 of the same file, from the page cache.\n\n| program | time | MiB/s |\n|---|---|---|\n",
    );
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    for row in *hashes {
        let bytes = if row.name == VERIFY { *mebibytes * cores } else { *mebibytes };
        writeln!(text, "| {} | {:.2} s | {:.0} |", row.name, row.seconds, speed(row, bytes))
            .expect("writing to a String cannot fail");
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "a speed of which a few digits matter")]
fn speed(row: &Row, mebibytes: u64) -> f64 {
    mebibytes as f64 / row.seconds
}

/// How fast the first is, relative to the fastest of the others.
fn ratio(rows: &[Row]) -> Option<f64> {
    let (ours, others) = rows.split_first()?;
    let fastest = others.iter().map(|row| row.seconds).min_by(f64::total_cmp)?;
    Some(fastest / ours.seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, seconds: f64) -> Row {
        Row { name, seconds, memory: 20.4 }
    }

    #[test]
    fn the_first_is_compared_with_the_fastest() {
        let rows = [row(OURS, 2.0), row("curl", 1.9), row("slow", 4.0)];
        let hashes = [row(OUR_HASH, 1.0), row("other", 2.0)];
        let arguments = Arguments { date: "2026-02-28".into(), rounds: 5, mebibytes: 2048 };
        let facts = Facts { arguments: &arguments, machine: "a machine", downloads: &rows, hashes: &hashes };
        let text = section(&facts);
        assert!(text.contains("| curl | 1.90 s | 1078 | 20 MiB |\n"), "{text}");
        assert!(text.contains("\n0.95 x the fastest of the others.\n"), "{text}");
        assert!(text.contains("| loadmaster-fetch | 1.00 s | 2048 |\n"), "{text}");
    }
}
