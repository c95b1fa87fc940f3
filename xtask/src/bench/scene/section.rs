//! The page's section of this benchmark.

use std::fmt::Write as _;

use super::{Arguments, Results};

pub(super) fn section(arguments: &Arguments, machine: &str, results: &Results) -> String {
    let Results { tally, budget, needs, most, samples, batches, back, returned } = results;
    let mut text = format!(
        "## Chats and images under one budget\n\n\
         `cargo xtask bench scene --date {} --seconds {} --mode {}`, on {machine}. {} clients chat with SmolLM2-135M \
         (Q4_1), {} ask for images of a model with the shapes of Stable Diffusion 1.5 and random weights; a budget of \
         {} MiB holds one of them (they need {} and {} MiB) and not both. Resident memory is that of all servers \
         together, sampled {} times, every 50 ms. A turn went on if all but the last tokens of its conversation were in \
         the cache.\n\n| | |\n|---|---|\n",
        arguments.date,
        arguments.seconds,
        arguments.mode,
        arguments.chats,
        arguments.painters,
        budget >> 20,
        needs.chat >> 20,
        needs.painter >> 20,
        samples,
    );
    let rows = [
        ("answers", tally.answers.to_string()),
        (
            "turns that went on where their conversation was",
            format!("{} of {}", tally.continued, tally.turns),
        ),
        ("images", tally.images.to_string()),
        ("images identical to those made alone", format!("{} of {}", tally.identical, tally.images)),
        ("lost", tally.lost.len().to_string()),
        ("most resident at once", format!("{} MiB of {} MiB", most >> 20, budget >> 20)),
        ("language model back after a batch of images", format!("{back} of {batches}")),
        ("language model back at the end, unasked", if *returned { "yes" } else { "no" }.to_owned()),
    ];
    for (what, figure) in rows {
        writeln!(text, "| {what} | {figure} |").expect("writing to a String cannot fail");
    }
    for why in &tally.lost {
        writeln!(text, "\nLost: {why}").expect("writing to a String cannot fail");
    }
    text
}
