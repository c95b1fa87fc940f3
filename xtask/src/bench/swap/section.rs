//! The page's section of this benchmark.

use std::fmt::Write as _;
use std::time::Duration;

use super::answer::TOKENS;
use super::tally::Tally;
use super::times::Times;
use super::{Arguments, LEAVE_PERCENT, PASSES, Runs, Way, killer};

/// Loadmaster's default for how long the busy keep a place that others wait for.
const TURN: Duration = Duration::from_secs(10);

pub(super) fn section(arguments: &Arguments, machine: &str, runs: &[Runs], times: &Times) -> String {
    let clients: Vec<String> = arguments.clients.iter().map(u32::to_string).collect();
    let mut text = format!(
        "## Two models, room for one\n\n\
         `cargo xtask bench swap --date {} --seconds {} --clients {} --rounds {}`, on {machine}. The release build \
         and the router of the pinned llama-server (`--models-max 1`), each with 4 slots and 4096 tokens of context. \
         Every client asks a random one of two models for a streamed chat answer of {TOKENS} tokens, and again as soon \
         as it is answered, for {} s, in {PASSES} runs of each kind in turn. Lost is every request without a whole answer; a wait ends with the answer's last byte; \
         a request that is under way at the end is waited for, and is no completion.\n\n\
         | clients | | completions | of one model | lost | left | median wait | p99 | worst | models started | tokens/s |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
        arguments.date,
        arguments.seconds,
        clients.join(","),
        arguments.rounds,
        arguments.seconds,
    );
    for runs in runs {
        rows(&mut text, runs, arguments.seconds);
    }
    for runs in runs {
        verdict(&mut text, runs, times);
    }
    swap_times(&mut text, times);
    text
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^52")]
fn rows(text: &mut String, runs: &Runs, seconds: u64) {
    let one_model = runs.of(Way::OneModel).map_or(0, |tally| tally.completions) as f64;
    for (way, tally) in &runs.tallies {
        let seconds_of = |percent| tally.wait(percent).as_secs_f64();
        line(
            text,
            &format!(
                "| {} | {} | {} | {:.0} % | {} | {} | {:.2} s | {:.2} s | {:.2} s | {} | {:.0} |",
                runs.clients,
                name(*way),
                tally.completions,
                tally.completions as f64 / one_model * 100.0,
                tally.lost(),
                tally.left,
                seconds_of(50),
                seconds_of(99),
                seconds_of(100),
                tally.starts,
                (tally.completions * TOKENS) as f64 / seconds as f64,
            ),
        );
    }
}

fn name(way: Way) -> String {
    match way {
        Way::OneModel => "loadmaster, one model, no swap".to_owned(),
        Way::TwoModels => "loadmaster".to_owned(),
        Way::ClientsLeave => format!("loadmaster, {LEAVE_PERCENT} % of requests given up"),
        Way::ServersDie => format!("loadmaster, server killed every {} s", killer::EVERY.as_secs()),
        Way::Router => "llama-server router".to_owned(),
    }
}

impl Runs {
    fn of(&self, way: Way) -> Option<&Tally> {
        self.tallies.iter().find(|(one, _)| *one == way).map(|(_, tally)| tally)
    }
}

/// The bound on waits, and what was lost by kind.
fn verdict(text: &mut String, runs: &Runs, times: &Times) {
    let worst = |way| runs.of(way).map_or(Duration::ZERO, |tally| tally.wait(100));
    // Who asks for the other model waits for a turn, for the answers that are under way, for the swap, and then
    // as one asks who never swaps. The answers under way take no longer than that either.
    let swap = Duration::from_secs_f64(times.daemon / 1000.0);
    let bound = TURN + swap + 2 * worst(Way::OneModel);
    line(
        text,
        &format!(
            "\n{} clients: the bound on a wait is a turn of {} s, the answers under way, the swap, and an answer of one's own: \
             {:.1} s here. The worst was {:.1} s.",
            runs.clients,
            TURN.as_secs(),
            bound.as_secs_f64(),
            worst(Way::TwoModels).as_secs_f64(),
        ),
    );
    for (way, tally) in &runs.tallies {
        losses(text, *way, tally);
    }
}

fn losses(text: &mut String, way: Way, tally: &Tally) {
    if tally.lost() == 0 && tally.killed == 0 {
        return;
    }
    let killed = if tally.killed > 0 { format!(", {} killed", tally.killed) } else { String::new() };
    let kinds = tally.losses.iter().map(|(loss, count)| {
        let begun = if loss.begun { "begun" } else { "not begun" };
        let told = if loss.told { "" } else { ", no error told" };
        format!("{count} × `{}` ({begun}{told})", loss.why)
    });
    let kinds: Vec<String> = kinds.collect();
    let kinds = if kinds.is_empty() { "none".to_owned() } else { kinds.join("; ") };
    let wrong = tally.lost_for_no_reason();
    line(
        text,
        &format!(
            "\nLost by the {}{killed}: {kinds}. Not begun or without a clear error: {wrong}.",
            name(way)
        ),
    );
}

fn swap_times(text: &mut String, times: &Times) {
    line(
        text,
        &format!(
            "\nOne swap, from the request to the first token, the other model being idle; the floor is a bare llama-server with the \
             same command line: stopped, started, asked for its first token. Each round asks another question; loadmaster keeps conversations over a swap, so that the beginning that all \
             chats have in common need not be evaluated again. Medians of {} swaps, in turn.\n\n\
             | | ms | of the floor |\n|---|---|---|",
            times.rounds
        ),
    );
    let floor = format!(
        "floor: stop {:.0} + start {:.0} + first token {:.0}",
        times.stop, times.start, times.first_token
    );
    for (name, time) in
        [(floor.as_str(), times.floor), ("loadmaster", times.daemon), ("llama-server router", times.router)]
    {
        line(text, &format!("| {name} | {time:.0} | {:.2} |", time / times.floor));
    }
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::super::answer::Outcome;
    use super::super::tally::tests::{ended, lost};
    use super::*;

    fn text() -> String {
        let whole = |count| (0..count).map(|_| ended(Outcome::Whole, 2, true)).collect::<Vec<_>>();
        let mut died = whole(3);
        died.extend([ended(lost(true, true), 1, true), ended(lost(false, true), 1, true)]);
        let tallies = vec![
            (Way::OneModel, Tally::of(whole(10), 0, 0)),
            (Way::TwoModels, Tally::of(whole(8), 3, 0)),
            (Way::ServersDie, Tally::of(died, 5, 2)),
        ];
        let times = Times {
            rounds: 3,
            daemon: 550.0,
            router: 900.0,
            stop: 50.0,
            start: 400.0,
            first_token: 50.0,
            floor: 500.0,
        };
        let arguments = Arguments { date: "2026-01-02".to_owned(), seconds: 10, clients: vec![4], rounds: 3 };
        section(&arguments, "a machine", &[Runs { clients: 4, tallies }], &times)
    }

    #[test]
    fn completions_are_set_against_one_model() {
        let text = text();
        assert!(
            text.contains("| 4 | loadmaster | 8 | 80 % | 0 | 0 | 2.00 s | 2.00 s | 2.00 s | 3 | 19 |"),
            "{text}"
        );
        assert!(text.contains("14.6 s here. The worst was 2.0 s."), "{text}");
    }

    #[test]
    fn losses_are_told_by_kind() {
        let text = text();
        assert!(text.contains(
            "server killed every 5 s, 2 killed: 1 × `502 server_crashed` (not begun); 1 × `502 server_crashed` (begun). \
             Not begun or without a clear error: 1."
        ), "{text}");
        assert!(!text.contains("Lost by the loadmaster:"), "{text}");
    }

    #[test]
    fn swaps_are_set_against_the_floor() {
        let text = text();
        assert!(
            text.contains(
                "| floor: stop 50 + start 400 + first token 50 | 500 | 1.00 |\n| loadmaster | 550 | 1.10 |"
            ),
            "{text}"
        );
    }
}
