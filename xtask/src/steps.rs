//! Named steps, timed, with a table of them at the end.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It held.
    Passed,
    /// It could not be looked at here, for this reason.
    Skipped(&'static str),
    /// It did not hold.
    Failed,
}

struct Step {
    name: &'static str,
    took: Duration,
    outcome: Outcome,
}

/// The steps that ran so far.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<Step>,
    /// The line that the table ends with: nextest's own summary.
    pub(crate) closing_line: Option<String>,
}

impl Steps {
    /// Runs a step that either holds or fails.
    pub(crate) fn run<T>(&mut self, name: &'static str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut value = None;
        self.run_or_skip(name, || {
            value = Some(step()?);
            Ok(Outcome::Passed)
        })?;
        Ok(value.expect("a step that did not fail has left its value"))
    }

    /// Runs a step that may also say that it cannot be taken here.
    pub(crate) fn run_or_skip(
        &mut self,
        name: &'static str,
        step: impl FnOnce() -> Result<Outcome>,
    ) -> Result<()> {
        eprintln!("\n== {name}");
        let started = Instant::now();
        let result = step();
        let outcome = *result.as_ref().unwrap_or(&Outcome::Failed);
        if let Outcome::Skipped(reason) = outcome {
            eprintln!("skipped: {reason}");
        }
        self.done.push(Step { name, took: started.elapsed(), outcome });
        result.map(|_| ()).with_context(|| format!("step `{name}`"))
    }

    /// Shows the table, whether or not all steps held.
    pub(crate) fn print_summary(&self) {
        eprintln!("\n{}", self.table());
        if let Some(line) = &self.closing_line {
            eprintln!("{line}");
        }
    }

    fn table(&self) -> String {
        let width = self.done.iter().map(|step| step.name.len()).max().unwrap_or(0).max("step".len());
        let mut table = format!("{:width$}  {:>8}  result", "step", "time");
        for step in &self.done {
            let result = match step.outcome {
                Outcome::Passed => "ok".to_owned(),
                Outcome::Skipped(reason) => format!("skipped: {reason}"),
                Outcome::Failed => "FAILED".to_owned(),
            };
            let seconds = step.took.as_secs_f64();
            write!(table, "\n{:width$}  {seconds:>6.1} s  {result}", step.name)
                .expect("writing to a String cannot fail");
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_in_the_table_with_its_result() {
        let mut steps = Steps::default();
        assert_eq!(steps.run("first", || Ok(7)).unwrap(), 7);
        steps.run_or_skip("second", || Ok(Outcome::Skipped("not here"))).unwrap();
        let error = steps.run("third one", || -> Result<()> { anyhow::bail!("broken") }).unwrap_err();
        assert_eq!(format!("{error:#}"), "step `third one`: broken");

        let table = steps.table();
        let ends: Vec<_> = table.lines().map(|line| line.rsplit("  ").next().unwrap()).collect();
        assert_eq!(ends, ["result", "ok", "skipped: not here", "FAILED"]);
    }
}
