//! The page's section of this benchmark.

use std::fmt::Write as _;

use super::Arguments;

pub(super) const OURS: &str = "loadmaster-fetch: SHA-256, synced";
pub(super) const SAME_WORK: &str = "curl, then openssl, then sync";
pub(super) const OUR_HASH: &str = "loadmaster-fetch";
pub(super) const VERIFY: &str = "loadmaster-fetch, one file for each core";
pub(super) const AT_ONCE: &str = "openssl dgst, one process for each core";

/// The medians of one program, and its best run.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) seconds: f64,
    pub(super) fastest: f64,
    pub(super) cpu: f64,
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
         from a server on 127.0.0.1 that has it in the page cache, to a file of the same disk that is not there before. Every \
         program runs in turn, {rounds} times, with all that was written before synced; whole processes, medians, and the fastest \
         run. CPU is what the program and the kernel for it took, of all cores. Memory is the most that was resident in one process.\n\n\
         Ours hashes, syncs while it downloads and in the end, keeps a journal, and publishes. curl does none of this, in writes of \
         4 KiB; aria2c hashes if it is told to, and does not sync. So `{SAME_WORK}` does what ours does, and `curl` alone is what \
         there is to be fast as: the hash must come from a second core.\n\n\
         | download | time | fastest | MiB/s | CPU | memory |\n|---|---|---|---|---|---|\n"
    );
    for row in *downloads {
        let Row { name, seconds, fastest, cpu, memory } = row;
        let speed = speed(row, *mebibytes);
        writeln!(
            text,
            "| {name} | {seconds:.2} s | {fastest:.2} s | {speed:.0} | {cpu:.2} s | {memory:.0} MiB |"
        )
        .expect("writing to a String cannot fail");
    }
    if let (Some(middle), Some(best)) =
        (ratio(downloads, |row| row.seconds), ratio(downloads, |row| row.fastest))
    {
        writeln!(text, "\n{middle:.2} x the fastest of the others; {best:.2} x by the fastest runs.")
            .expect("writing to a String cannot fail");
    }
    text.push_str(
        "\nSHA-256 of the same file, from the page cache. Two that run at once and take the CPU of two that run in turn do not \
         hinder each other: if they take longer than one, the machine had other work, or lends less than its cores. Two that \
         share one core's unit for SHA, as hyper-threads do, take more CPU.\n\n\
         | program | time | fastest | MiB/s | CPU for each GiB |\n|---|---|---|---|---|\n",
    );
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    for row in *hashes {
        let Row { name, seconds, fastest, cpu, .. } = row;
        let mebibytes = if [VERIFY, AT_ONCE].contains(name) { *mebibytes * cores } else { *mebibytes };
        let (speed, cpu) = (speed(row, mebibytes), cpu * 1024.0 / in_floats(mebibytes));
        writeln!(text, "| {name} | {seconds:.2} s | {fastest:.2} s | {speed:.0} | {cpu:.2} s |")
            .expect("writing to a String cannot fail");
    }
    text
}

fn speed(row: &Row, mebibytes: u64) -> f64 {
    in_floats(mebibytes) / row.seconds
}

#[expect(clippy::cast_precision_loss, reason = "a size of which a few digits matter")]
fn in_floats(mebibytes: u64) -> f64 {
    mebibytes as f64
}

/// How fast the first is, relative to the fastest of the others.
fn ratio(rows: &[Row], seconds: fn(&Row) -> f64) -> Option<f64> {
    let (ours, others) = rows.split_first()?;
    let fastest = others.iter().map(seconds).min_by(f64::total_cmp)?;
    Some(fastest / seconds(ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, seconds: f64) -> Row {
        Row { name, seconds, fastest: seconds / 2.0, cpu: 1.5, memory: 20.4 }
    }

    #[test]
    fn the_first_is_compared_with_the_fastest() {
        let rows = [row(OURS, 2.0), row("curl", 1.9), row("slow", 4.0)];
        let hashes = [row(OUR_HASH, 1.0), row("other", 2.0)];
        let arguments = Arguments { date: "2026-02-28".into(), rounds: 5, mebibytes: 2048 };
        let facts = Facts { arguments: &arguments, machine: "a machine", downloads: &rows, hashes: &hashes };
        let text = section(&facts);
        assert!(text.contains("| curl | 1.90 s | 0.95 s | 1078 | 1.50 s | 20 MiB |\n"), "{text}");
        assert!(text.contains("\n0.95 x the fastest of the others; 0.95 x by the fastest runs.\n"), "{text}");
        assert!(text.contains("| loadmaster-fetch | 1.00 s | 0.50 s | 2048 | 0.75 s |\n"), "{text}");
    }
}
