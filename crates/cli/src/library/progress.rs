//! How far work on the library is: bars on a terminal, plain lines elsewhere.

use std::{
    collections::BTreeMap,
    io::IsTerminal,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use loadmaster_core::Bytes;
use loadmaster_models::{Job, Progress, Step};

/// How often a plain line is written at most.
const EVERY: Duration = Duration::from_secs(5);

/// Work whose progress is shown on stderr.
pub(crate) struct Shown {
    pub(crate) job: Job,
    bars: Option<Arc<Mutex<Bars>>>,
}

impl Shown {
    /// Begins to show. `quiet` writes no lines where there is no terminal.
    pub(crate) fn begin(quiet: bool) -> Self {
        if std::io::stderr().is_terminal() {
            let bars = Arc::new(Mutex::new(Bars::new()));
            let told = bars.clone();
            let job = Job::watched(move |progress| {
                told.lock().unwrap_or_else(PoisonError::into_inner).show(progress);
            });
            return Self { job, bars: Some(bars) };
        }
        let lines = Mutex::new(Lines::default());
        let job = Job::watched(move |progress| {
            let line = lines.lock().unwrap_or_else(PoisonError::into_inner).line(progress, Instant::now());
            if let Some(line) = line.filter(|_| !quiet) {
                eprintln!("{line}");
            }
        });
        Self { job, bars: None }
    }

    /// Writes a line, above the bars if there are any.
    pub(crate) fn say(&self, line: &str) {
        match &self.bars {
            Some(bars) => {
                bars.lock().unwrap_or_else(PoisonError::into_inner).all.suspend(|| eprintln!("{line}"));
            }
            None => eprintln!("{line}"),
        }
    }

    /// Takes the bars away.
    pub(crate) fn end(&self) {
        if let Some(bars) = &self.bars {
            bars.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.end();
    }
}

/// A bar for the whole, and one for each file where there are several.
struct Bars {
    all: MultiProgress,
    whole: ProgressBar,
    files: BTreeMap<String, ProgressBar>,
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::new();
        let whole = all.add(ProgressBar::new_spinner());
        Self { all, whole, files: BTreeMap::new() }
    }

    fn show(&mut self, progress: &Progress) {
        let what = format!("{} {}", verb(progress.step), progress.what);
        match progress.total {
            None => self.whole.set_message(what),
            Some(total) => {
                fill(&self.whole, progress.done, total);
                self.whole.set_message(format!("{what}{}", pace(progress)));
            }
        }
        self.whole.tick();
        if progress.files.len() < 2 {
            return;
        }
        for file in &progress.files {
            let bar = self
                .files
                .entry(file.name.clone())
                .or_insert_with(|| self.all.add(ProgressBar::new_spinner().with_message(file.name.clone())));
            if let Some(total) = file.total {
                fill(bar, file.done, total);
                if file.done >= total {
                    bar.finish_and_clear();
                }
            }
        }
    }

    fn clear(&mut self) {
        for bar in self.files.values() {
            bar.finish_and_clear();
        }
        self.whole.finish_and_clear();
    }
}

/// Makes a bar of a spinner once the total is known, and fills it.
fn fill(bar: &ProgressBar, done: u64, total: u64) {
    if bar.length() != Some(total) {
        bar.set_length(total);
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {bytes:>11} of {total_bytes:<11} {msg}") {
            bar.set_style(style);
        }
    }
    bar.set_position(done);
}

/// Plain lines: one for each step, and one now and then.
#[derive(Default)]
struct Lines {
    last: Option<(Step, String, Instant)>,
}

impl Lines {
    /// The line to write, if it is time for one.
    fn line(&mut self, progress: &Progress, now: Instant) -> Option<String> {
        let new = match &self.last {
            Some((step, _, at)) if *step == progress.step => now - *at >= EVERY,
            _ => true,
        };
        if !new {
            return None;
        }
        self.last = Some((progress.step, progress.what.clone(), now));
        let amount = progress.total.map(|total| format!(": {} of {}", Bytes(progress.done), Bytes(total)));
        let (verb, what) = (verb(progress.step), &progress.what);
        Some(format!("{verb} {what}{}{}", amount.unwrap_or_default(), pace(progress)))
    }
}

/// Speed and time left, after a comma each.
fn pace(progress: &Progress) -> String {
    let speed = progress.speed.map(|speed| format!(", {}/s", Bytes(speed)));
    let left = progress.seconds_left.filter(|_| progress.done < progress.total.unwrap_or(0));
    let left = left.map(|seconds| match seconds {
        0..=119 => format!(", {seconds} s left"),
        120..=7199 => format!(", {} min left", seconds / 60),
        _ => format!(", {} h left", seconds / 3600),
    });
    format!("{}{}", speed.unwrap_or_default(), left.unwrap_or_default())
}

fn verb(step: Step) -> &'static str {
    match step {
        Step::Resolve => "looking for",
        Step::Header => "reading the header of",
        Step::Wait => "waiting for another pull of",
        Step::Download => "downloading",
        Step::Retry => "the connection broke, trying again to download",
        Step::Copy => "copying",
        Step::Verify => "checking",
        _ => "working on",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(step: Step, done: u64) -> Progress {
        let what = "m".to_owned();
        let speed = Some(1 << 20);
        Progress { step, what, done, total: Some(4 << 20), speed, seconds_left: Some(130), files: Vec::new() }
    }

    #[test]
    fn lines_are_few() {
        let (mut lines, start) = (Lines::default(), Instant::now());
        let first = lines.line(&progress(Step::Download, 1 << 20), start);
        assert_eq!(first.as_deref(), Some("downloading m: 1.00 MiB of 4.00 MiB, 1.00 MiB/s, 2 min left"));
        assert_eq!(lines.line(&progress(Step::Download, 2 << 20), start), None);
        assert!(lines.line(&progress(Step::Download, 2 << 20), start + EVERY).is_some());
        // Another step is told at once; what is done has no time left.
        let last = lines.line(&progress(Step::Verify, 4 << 20), start + EVERY);
        assert_eq!(last.as_deref(), Some("checking m: 4.00 MiB of 4.00 MiB, 1.00 MiB/s"));
    }
}
