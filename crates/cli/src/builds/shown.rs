//! An installation as it is seen on the terminal.

use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};
use loadmaster_binaries::{Attempt, Observer, Step};

/// Shows steps on stderr: lines that stay, and on a terminal a bar below them.
#[derive(Clone)]
pub(crate) struct Shown {
    bar: ProgressBar,
    /// The last line that was printed: the same one twice says nothing.
    last: Arc<Mutex<String>>,
}

impl Shown {
    /// Shows nothing yet.
    pub(crate) fn new() -> Self {
        Self { bar: ProgressBar::new_spinner(), last: Arc::default() }
    }

    /// Who hears of the steps.
    pub(crate) fn observer(&self) -> Observer {
        let shown = self.clone();
        Observer::new(move |step| shown.show(step))
    }

    /// Clears the bar away.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&self, step: &Step) {
        match step {
            Step::Fetching { what, bytes, total } => {
                self.progress(&format!("fetching {what}"), *bytes, *total);
            }
            Step::Unpacking { build, bytes } => self.progress(&format!("unpacking {build}"), *bytes, None),
            other => {
                if let Some(line) = line(other) {
                    self.say(line);
                }
            }
        }
    }

    fn progress(&self, what: &str, bytes: u64, total: Option<u64>) {
        let style = match total {
            Some(_) => "{msg} {bar:30} {bytes} of {total_bytes} ({bytes_per_sec})",
            None => "{spinner} {msg} {bytes}",
        };
        if self.bar.length() != total {
            // The template is ours.
            self.bar.set_style(
                ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            match total {
                Some(total) => self.bar.set_length(total),
                None => self.bar.unset_length(),
            }
        }
        self.bar.set_message(what.to_owned());
        self.bar.set_position(bytes);
        self.say(format!("  {what}"));
    }

    fn say(&self, line: String) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != line {
            self.bar.suspend(|| eprintln!("{line}"));
            *last = line;
        }
    }
}

/// What stays on the terminal of a step.
fn line(step: &Step) -> Option<String> {
    Some(match step {
        Step::Waiting => "waiting for another process that changes the builds".to_owned(),
        Step::Trying { build, variant, number, of } => {
            format!("trying {build} for {variant} ({number} of {of})")
        }
        Step::Starting { .. } => "  starting it".to_owned(),
        Step::Working { variant, .. } => format!("  letting it work on {variant}"),
        Step::Failed(attempt) => failed(attempt),
        Step::Installed { build, variant } => format!("installed {build}: it works on {variant}"),
        // Steps of later versions.
        _ => return None,
    })
}

/// Why a build did not do.
pub(crate) fn failed(attempt: &Attempt) -> String {
    let remedy = attempt.remedy.as_ref().map_or_else(String::new, |remedy| format!("\n    help: {remedy}"));
    format!("  it does not do: {}{remedy}", attempt.cause)
}

#[cfg(test)]
mod tests {
    use loadmaster_binaries::{Stage, Variant};

    use super::*;

    #[test]
    fn a_failure_is_told_with_its_cause_and_its_remedy() {
        let mut attempt = Attempt {
            build: "b".to_owned(),
            variant: Variant::Cuda,
            stage: Stage::Prove,
            cause: "the driver is too old".to_owned(),
            remedy: Some("Update it.".to_owned()),
            fault: None,
        };
        let told = |attempt: &Attempt| line(&Step::Failed(attempt.clone()));
        let expected = "  it does not do: the driver is too old\n    help: Update it.";
        assert_eq!(told(&attempt).as_deref(), Some(expected));
        attempt.remedy = None;
        assert_eq!(told(&attempt).as_deref(), Some("  it does not do: the driver is too old"));
    }
}
