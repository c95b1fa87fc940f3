//! The page's section of this benchmark.

use std::fmt::Write as _;

use super::{Arguments, Going, Results};
use crate::bench::median::median;

pub(super) fn section(arguments: &Arguments, machine: &str, results: &Results) -> String {
    let mut text = format!(
        "## A conversation, offloaded and brought back\n\n\
         `cargo xtask bench conversation --date {} --rounds {}`, on {machine}. SmolLM2-135M (Q4_1), 4096 tokens of \
         context, room for one model. A conversation is left, another model takes the place of its model, and with the \
         next question it goes on. Starting over is a bare llama-server with the same command line, stopped, started, \
         and sent the same. Evaluated again is what the conversation had and llama-server's `timings.cache_n` does not; \
         the time is from the request that goes on to its first token, all stops and starts included. The worst of {} \
         conversations for tokens, medians for times; in turn in one run.\n\n\
         | | tokens it had | evaluated again | evaluated with the new question | first token | of starting over |\n\
         |---|---|---|---|---|---|\n",
        arguments.date, arguments.rounds, arguments.rounds,
    );
    let over = first_token(&results.over);
    for (name, goings) in [
        ("starting over", &results.over),
        ("loadmaster", &results.daemon),
        ("llama-server router", &results.router),
    ] {
        let worst = |of: fn(&Going) -> u64| goings.iter().map(of).max().unwrap_or(0);
        let time = first_token(goings);
        writeln!(
            text,
            "| {name} | {} | {} | {} | {time:.0} ms | {:.2} |",
            worst(|going| going.had),
            worst(|going| going.again),
            worst(|going| going.evaluated),
            time / over,
        )
        .expect("writing to a String cannot fail");
    }
    text
}

/// The median, in milliseconds.
fn first_token(goings: &[Going]) -> f64 {
    median(goings.iter().map(|going| going.first_token.as_secs_f64() * 1000.0).collect()).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_worst_counts_and_times_are_medians() {
        let going = |again, ms| Going {
            had: 1800,
            again,
            evaluated: again + 20,
            first_token: Duration::from_millis(ms),
        };
        let results = Results {
            daemon: vec![going(1, 300), going(2, 500), going(0, 200)],
            over: vec![going(1800, 6000)],
            router: vec![going(1790, 6600)],
        };
        let arguments = Arguments { date: "2026-01-02".to_owned(), rounds: 3 };
        let text = section(&arguments, "a machine", &results);
        for row in [
            "| starting over | 1800 | 1800 | 1820 | 6000 ms | 1.00 |\n",
            "| loadmaster | 1800 | 2 | 22 | 300 ms | 0.05 |\n",
            "| llama-server router | 1800 | 1790 | 1810 | 6600 ms | 1.10 |\n",
        ] {
            assert!(text.contains(row), "{text}");
        }
    }
}
