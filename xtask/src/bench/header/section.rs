//! The page's section of this benchmark.

use std::fmt::Write as _;

use super::readers::Counts;
use super::server::Sent;

/// What was measured of one file, in milliseconds.
pub(super) struct Speed {
    pub(super) file: String,
    pub(super) header_bytes: u64,
    pub(super) counts: Counts,
    pub(super) facts_ms: f64,
    pub(super) all_ms: f64,
    pub(super) npm_ms: f64,
    pub(super) pypi_ms: f64,
}

/// What was sent for the header of one file.
pub(super) struct Transfer {
    pub(super) file: String,
    pub(super) header_bytes: u64,
    pub(super) ours: Sent,
    pub(super) npm: Sent,
}

impl Transfer {
    /// Bytes of `sent` relative to the header.
    #[expect(clippy::cast_precision_loss, reason = "a ratio of which two digits matter")]
    fn ratio(&self, sent: Sent) -> f64 {
        sent.bytes as f64 / self.header_bytes as f64
    }
}

/// All of it.
pub(super) struct Facts<'a> {
    pub(super) date: &'a str,
    pub(super) rounds: u32,
    pub(super) machine: &'a str,
    /// How many files all readers agree about.
    pub(super) files: usize,
    pub(super) speeds: Vec<Speed>,
    /// The files that have a line of their own.
    pub(super) shown: &'a [String],
    pub(super) transfers: &'a [Transfer],
}

pub(super) fn section(facts: &Facts<'_>) -> String {
    let Facts { date, rounds, machine, files, speeds, shown, transfers } = facts;
    let mut text = format!(
        "## Reading headers\n\n\
         `cargo xtask bench header --date {date} --rounds {rounds}`, on {machine}. `loadmaster-gguf` beside \
         `@huggingface/gguf` 0.4.6 (npm) and `gguf` 0.19.0 (PyPI), which always read the vocabulary, on SmolLM2 and on \
         the largest vocabulary file of llama.cpp. Files are in the page cache; every reader times itself inside its own \
         process, so the start of an interpreter does not count. Median of {rounds} starts in turn; ours and npm's are \
         medians within each start, without the first reading. Over {files} files, SmolLM2 and the vocabularies of \
         llama.cpp, all three readers say the same numbers of keys, tensors and tokens.\n\n"
    );
    speed_table(&mut text, speeds);
    transfer_table(&mut text, shown, transfers);
    text
}

fn transfer_table(text: &mut String, shown: &[String], transfers: &[Transfer]) {
    text.push_str(
        "\nThe same over HTTP from a server with ranges on 127.0.0.1, which counts the bytes of the bodies it sends, \
         relative to the header; behind a vocabulary file it has 32 MiB more, as if weights followed. PyPI's reader \
         reads files alone.\n\n\
         | file | loadmaster | requests | @huggingface/gguf | requests |\n|---|---|---|---|---|\n",
    );
    let mut row = |file: &str, ours: [String; 2], npm: [String; 2]| {
        writeln!(text, "| {file} | {} | {} |", ours.join(" | "), npm.join(" | "))
            .expect("writing to a String cannot fail");
    };
    for transfer in transfers.iter().filter(|transfer| shown.contains(&transfer.file)) {
        let cells = |sent: Sent| [format!("{:.2} x", transfer.ratio(sent)), sent.requests.to_string()];
        row(&transfer.file, cells(transfer.ours), cells(transfer.npm));
    }
    let range = |of: fn(&Transfer) -> Sent| {
        let ratios = transfers.iter().map(|transfer| transfer.ratio(of(transfer)));
        let requests = transfers.iter().map(|transfer| of(transfer).requests);
        let (least, most) = (ratios.clone().fold(f64::INFINITY, f64::min), ratios.fold(0.0, f64::max));
        let (fewest, many) = (requests.clone().min().unwrap_or(0), requests.max().unwrap_or(0));
        [format!("{least:.2} to {most:.2} x"), format!("{fewest} to {many}")]
    };
    row(&format!("all {}", transfers.len()), range(|transfer| transfer.ours), range(|transfer| transfer.npm));
}

fn speed_table(text: &mut String, speeds: &[Speed]) {
    let mut row = |what: &str, cell: &dyn Fn(&Speed) -> String| {
        let cells: Vec<String> = speeds.iter().map(cell).collect();
        writeln!(text, "| {what} | {} |", cells.join(" | ")).expect("writing to a String cannot fail");
    };
    row("", &|speed| speed.file.clone());
    row("---", &|_| "---".into());
    row("header, bytes", &|speed| speed.header_bytes.to_string());
    row("keys, tensors, tokens", &|speed| {
        let Counts { keys, tensors, tokens } = speed.counts;
        format!("{keys}, {tensors}, {tokens}")
    });
    row("loadmaster, facts without the vocabulary", &|speed| milliseconds(speed.facts_ms));
    row("loadmaster, with the vocabulary", &|speed| milliseconds(speed.all_ms));
    row("@huggingface/gguf", &|speed| milliseconds(speed.npm_ms));
    row("gguf", &|speed| milliseconds(speed.pypi_ms));
    row("@huggingface/gguf / facts", &|speed| format!("{:.0} x", speed.npm_ms / speed.facts_ms));
    row("@huggingface/gguf / with the vocabulary", &|speed| format!("{:.0} x", speed.npm_ms / speed.all_ms));
    row("gguf / facts", &|speed| format!("{:.0} x", speed.pypi_ms / speed.facts_ms));
    row("gguf / with the vocabulary", &|speed| format!("{:.0} x", speed.pypi_ms / speed.all_ms));
}

fn milliseconds(value: f64) -> String {
    if value < 10.0 { format!("{value:.2} ms") } else { format!("{value:.0} ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_has_the_figures_and_their_ratios() {
        let counts = Counts { keys: 3, tensors: 2, tokens: 1 };
        let speed = Speed {
            file: "a model".into(),
            header_bytes: 1000,
            counts,
            facts_ms: 0.25,
            all_ms: 0.5,
            npm_ms: 100.0,
            pypi_ms: 4000.0,
        };
        let (ours, npm) = (Sent { requests: 4, bytes: 1100 }, Sent { requests: 1, bytes: 2000 });
        let transfers = [Transfer { file: "a model".into(), header_bytes: 1000, ours, npm }];
        let text = section(&Facts {
            date: "2026-01-02",
            rounds: 3,
            machine: "a machine",
            files: 1,
            speeds: vec![speed],
            shown: &["a model".to_owned()],
            transfers: &transfers,
        });
        assert!(text.contains("|  | a model |\n| --- | --- |\n"), "{text}");
        assert!(text.contains("| loadmaster, facts without the vocabulary | 0.25 ms |"), "{text}");
        assert!(text.contains("| @huggingface/gguf / facts | 400 x |"), "{text}");
        assert!(text.contains("| gguf / with the vocabulary | 8000 x |"), "{text}");
        assert!(text.contains("| a model | 1.10 x | 4 | 2.00 x | 1 |"), "{text}");
        assert!(text.contains("| all 1 | 1.10 to 1.10 x | 4 to 4 | 2.00 to 2.00 x | 1 to 1 |"), "{text}");
    }
}
