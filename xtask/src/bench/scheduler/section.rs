//! The page's section of this benchmark.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Played, Report};

/// How the example calls the decisions of this program.
pub(super) const OURS: &str = "loadmaster";

pub(super) fn section(date: &str, machine: &str, played: &[Played]) -> String {
    let mut text = format!(
        "## Schedulers in virtual time\n\n\
         `cargo xtask bench scheduler --date {date}`, on {machine}. The same requests to the same models under \
         Loadmaster's own decisions and under two others, in virtual time (`loadmaster_orchestrator::simulation`): \
         loading takes 1 s for 2 GB, stopping 0.1 s, making a plan 15 ms (counted for Loadmaster alone); a server works on four requests at once, \
         each of which slows the others by a third. GPUs have 24 GB, models 2 to 20 GB; eight people for each GPU ask one of the models \
         for an answer of 2 s, 10 s after the last one, for an hour. Zipf: the second model is asked for half as often as the first. \
         Favourites: models of 7 GB, of which 48 fit and are asked for in 95 of 100 requests. \
         FIFO: one queue, first come, first served, by bytes, whoever is idle in the way goes. LRU: at most so many models whatever their \
         size, as llama-server's router does it; safe: as many as would fit if all were as large as the largest; average: as many as \
         fit on average. Overcommitted: starts that took more of a GPU than it had, which would fail or crawl on a real machine, and cost nothing \
         here. Waits end when a server begins to work on the request; what is asked and not answered within the hour is no completion, and waits on.\n\n\
         | pattern | | completions | loadmaster / this | models started | read | memory used | overcommitted | refused | median wait | p99 | longest |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for one in played {
        row(&mut text, one, played);
    }
    costs(&mut text, played);
    text
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^52")]
fn row(text: &mut String, one: &Played, played: &[Played]) {
    let Played { pattern, scheduler, report, .. } = one;
    let ours = played.iter().find(|other| other.pattern == *pattern && other.scheduler == OURS);
    let ratio = match ours {
        Some(ours) if scheduler != OURS => {
            format!("{:.2}", ours.report.completed as f64 / report.completed as f64)
        }
        _ => String::new(),
    };
    let Report { completed, loads, overcommitted, refused, .. } = report;
    line(
        text,
        &format!(
            "| {pattern} | {scheduler} | {completed} | {ratio} | {loads} | {} GB | {:.0} % | {overcommitted} | {refused} | {} | {} | {} |",
            report.bytes_loaded / 1_000_000_000,
            report.used_percent,
            seconds(report.waits.median),
            seconds(report.waits.p99),
            seconds(report.waits.longest),
        ),
    );
}

fn costs(text: &mut String, played: &[Played]) {
    text.push_str(
        "\nWhat a decision costs in real time: from an input, such as a request or the end of one, to the actions and the next time \
         to wake, release build.\n\n\
         | pattern | models | decisions | median | mean | p99 |\n|---|---|---|---|---|---|\n",
    );
    for Played { pattern, models, report, .. } in played.iter().filter(|one| one.scheduler == OURS) {
        let each = &report.cost.each;
        let (median, mean, p99) = (micros(each.median), micros(each.mean), micros(each.p99));
        line(
            text,
            &format!("| {pattern} | {models} | {} | {median} | {mean} | {p99} |", report.cost.decisions),
        );
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

fn micros(time: Duration) -> String {
    format!("{:.1} µs", time.as_secs_f64() * 1e6)
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::super::{Cost, Times, Waits};
    use super::*;

    fn played(scheduler: &str, completed: u64) -> Played {
        let waits = Waits {
            median: Duration::from_millis(1500),
            p99: Duration::from_secs(9),
            longest: Duration::from_secs(12),
        };
        let each = Times {
            mean: Duration::from_nanos(2500),
            median: Duration::from_nanos(1500),
            p99: Duration::from_nanos(9500),
        };
        let report = Report {
            completed,
            loads: 7,
            bytes_loaded: 70_000_000_000,
            used_percent: 91.6,
            waits,
            cost: Cost { decisions: 99, each },
            ..Report::default()
        };
        Played { pattern: "zipf".to_owned(), scheduler: scheduler.to_owned(), models: 10, report }
    }

    #[test]
    fn others_are_set_against_ours() {
        let text = section("2026-01-02", "a machine", &[played(OURS, 300), played("FIFO", 200)]);
        let ours = "| zipf | loadmaster | 300 |  | 7 | 70 GB | 92 % | 0 | 0 | 1.50 s | 9.00 s | 12.00 s |";
        assert!(text.contains(ours), "{text}");
        assert!(text.contains("| zipf | FIFO | 200 | 1.50 | 7 |"), "{text}");
    }

    #[test]
    fn costs_are_told_of_ours_alone() {
        let text = section("2026-01-02", "a machine", &[played(OURS, 300), played("FIFO", 200)]);
        assert_eq!(text.matches("| zipf | 10 | 99 | 1.5 µs | 2.5 µs | 9.5 µs |").count(), 1, "{text}");
    }
}
