//! `loadmaster doctor`: what is here, what is missing, and what to do about it.

mod builds;
mod devices;
mod listener;
mod machine;
mod places;

use std::{fmt::Write as _, process::ExitCode};

use serde::Serialize;
use serde_json::json;

use crate::{Failed, args::DoctorArgs, config::Config, printed::print, table};

/// What was looked at, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    /// What was looked at.
    what: String,
    state: State,
    /// What was found.
    found: String,
    /// What to do about it.
    remedy: Option<String>,
}

/// How it is with what was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// Well.
    Ok,
    /// Worth knowing: it works, and could work better. The exit code does not tell of it.
    Note,
    /// Wrong.
    Problem,
}

impl Check {
    fn ok(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self { what: what.into(), state: State::Ok, found: found.into(), remedy: None }
    }

    fn note(what: impl Into<String>, found: impl Into<String>, remedy: Option<String>) -> Self {
        Self { what: what.into(), state: State::Note, found: found.into(), remedy }
    }

    fn problem(what: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        let remedy = Some(remedy.into());
        Self { what: what.into(), state: State::Problem, found: found.into(), remedy }
    }

    /// Something that could not even be looked at.
    fn failed(what: impl Into<String>, failed: &Failed) -> Self {
        let (cause, remedy) = failed.told();
        Self::problem(what, cause, remedy)
    }
}

/// Looks at everything. `wrong` is what the configuration's file was refused for; `config` is then without it.
/// Exit code 1 if there is a problem.
pub(crate) async fn execute(
    args: DoctorArgs,
    config: &Config,
    wrong: Option<Failed>,
) -> Result<ExitCode, Failed> {
    let mut checks = vec![configuration(config, wrong.as_ref())];
    checks.extend(places::folders(config));
    checks.extend(places::disks(config));
    match crate::builds::facts().await {
        Ok(facts) => {
            checks.extend(machine::checks(&facts));
            checks.extend(devices::checks());
            checks.extend(builds::checks(config, &facts).await);
        }
        Err(failed) => checks.push(Check::failed("machine", &failed)),
    }
    checks.push(places::address(config).await);
    checks.push(places::orphans(config));
    // What is wrong is last, where a terminal shows it.
    checks.sort_by_key(|check| check.state);
    let counted = Counted::of(&checks);
    let Counted { notes, problems } = counted;
    if args.json {
        let all = json!({ "ok": problems == 0, "problems": problems, "notes": notes, "checks": checks });
        print(&format!("{all:#}\n"))?;
    } else {
        print(&shown(&checks, counted))?;
    }
    Ok(if problems == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How many checks are not simply well.
#[derive(Debug, Clone, Copy)]
struct Counted {
    notes: usize,
    problems: usize,
}

impl Counted {
    fn of(checks: &[Check]) -> Self {
        let count = |state| checks.iter().filter(|check| check.state == state).count();
        Self { notes: count(State::Note), problems: count(State::Problem) }
    }

    /// The last line.
    fn verdict(self) -> String {
        let notes = match self.notes {
            0 => String::new(),
            1 => ", and a note above".to_owned(),
            many => format!(", and {many} notes above"),
        };
        match self.problems {
            0 => format!("all is well{notes}"),
            1 => format!("there is a problem{notes}"),
            many => format!("there are {many} problems{notes}"),
        }
    }
}

fn configuration(config: &Config, wrong: Option<&Failed>) -> Check {
    let file = config.file.display();
    match wrong {
        Some(wrong) => Check::failed("configuration", wrong),
        None if config.has_file => Check::ok("configuration", file.to_string()),
        None => Check::ok("configuration", format!("defaults: there is no {file}")),
    }
}

fn shown(checks: &[Check], counted: Counted) -> String {
    let row = |check: &Check| {
        let state = match check.state {
            State::Ok => "ok",
            State::Note => "note",
            State::Problem => "PROBLEM",
        };
        vec![state.to_owned(), check.what.clone(), check.found.clone()]
    };
    let table = table::left(&checks.iter().map(row).collect::<Vec<_>>());
    let mut text = String::new();
    for (line, check) in table.lines().zip(checks) {
        text.push_str(line);
        text.push('\n');
        if let Some(remedy) = &check.remedy {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "         help: {remedy}");
        }
    }
    text + &counted.verdict() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_its_remedy_below_it() {
        let checks = [Check::ok("a", "good"), Check::problem("longer", "bad", "Do something.")];
        let expected =
            "ok       a       good\nPROBLEM  longer  bad\n         help: Do something.\nthere is a problem\n";
        assert_eq!(shown(&checks, Counted::of(&checks)), expected);
    }

    #[test]
    fn notes_are_no_problems() {
        let verdict = |notes, problems| Counted { notes, problems }.verdict();
        assert_eq!(verdict(0, 0), "all is well");
        assert_eq!(verdict(1, 0), "all is well, and a note above");
        assert_eq!(verdict(2, 1), "there is a problem, and 2 notes above");
        assert_eq!(verdict(0, 3), "there are 3 problems");
        assert!(State::Ok < State::Note && State::Note < State::Problem);
    }
}
