//! The parent's side: starts the children, waits no longer than the deadline, and turns whatever
//! happens into an answer.

use std::{
    ffi::OsString,
    io::{self, BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    Note,
    answer::{ANSWER_MARK, CHILD_VARIABLE, Source},
    os,
    raw::Answer,
};

/// The most that is read of a child's output, in bytes. An answer takes about 1 KiB per card.
const OUTPUT_LIMIT: u64 = 4 << 20;

/// How often an ending child is looked at.
const EXIT_POLL: Duration = Duration::from_millis(1);

/// How to start a child.
#[derive(Debug, Clone)]
pub(crate) struct ChildProgram {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) deadline: Duration,
}

/// How a child ended that gave no answer.
#[derive(Debug)]
enum Failure {
    NotStarted(io::Error),
    Late,
    Ended(ExitStatus),
}

impl ChildProgram {
    /// Asks all sources at the same time, each in a child of its own, so that what breaks one
    /// takes nothing from the other.
    pub(crate) fn ask(&self, sources: &[Source]) -> Answer {
        thread::scope(|scope| {
            let children: Vec<_> =
                sources.iter().map(|source| scope.spawn(|| self.ask_one(*source))).collect();
            let mut answer = Answer::default();
            for child in children {
                answer.join(child.join().expect("asking a child does not panic"));
            }
            answer
        })
    }

    fn ask_one(&self, source: Source) -> Answer {
        self.run(source).unwrap_or_else(|failure| Answer::only(self.failure_note(source, &failure)))
    }

    fn run(&self, source: Source) -> Result<Answer, Failure> {
        let end = Instant::now() + self.deadline;
        let mut child = self.start(source).map_err(Failure::NotStarted)?;
        let result = wait_for_answer(&mut child, end);
        // The answer is complete, or there will be none: either way the child has had its time.
        // An error means that it is gone already.
        let _ = child.kill();
        let _ = child.wait();
        result
    }

    fn start(&self, source: Source) -> io::Result<Child> {
        #[expect(
            clippy::disallowed_methods,
            reason = "this crate knows nothing of Loadmaster's supervisor; the child is this \
                      program itself, lives for milliseconds and is always waited for"
        )]
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            // Overlays and capture tools hook themselves in as implicit layers; they slow the
            // probe down and crash it.
            .env("VK_LOADER_LAYERS_DISABLE", "~implicit~")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .env(CHILD_VARIABLE, source.request(self.deadline))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
    }

    fn failure_note(&self, source: Source, failure: &Failure) -> Note {
        let (driver, remedy) = match source {
            Source::Nvml => (
                "NVIDIA driver",
                "see whether `nvidia-smi` works; if it does not, reinstall the NVIDIA driver. \
                 Until then only cards that Vulkan sees are used",
            ),
            Source::Vulkan => (
                "Vulkan driver",
                "see whether `vulkaninfo --summary` works; if it does not, update the graphics \
                 driver, or set VK_DRIVER_FILES to the .json files of the drivers that work. \
                 Until then only cards that NVML sees are used",
            ),
        };
        match failure {
            Failure::NotStarted(error) => Note::new(
                format!(
                    "the {driver} was not asked: {} could not be started: {error}",
                    self.program.display()
                ),
                "check that this file exists and may be executed",
            ),
            Failure::Late => {
                Note::new(format!("the {driver} did not answer within {:?}", self.deadline), remedy)
            }
            Failure::Ended(status) => match os::crash_name(*status) {
                Some(name) => Note::new(format!("the {driver} crashed the probe: {name}"), remedy),
                None => Note::new(
                    format!("the {driver} was not asked: the probe gave no answer ({status})"),
                    "the program that is started as a probe must call \
                     `loadmaster_sysprobe::answer_if_asked()` first thing in its `main`",
                ),
            },
        }
    }
}

/// Waits for the child's answer, or for its end without one.
fn wait_for_answer(child: &mut Child, end: Instant) -> Result<Answer, Failure> {
    let Some(stdout) = child.stdout.take() else {
        return Err(Failure::Late);
    };
    // A thread reads, since reading from a pipe has no deadline. It is not joined: a process that
    // the driver started may hold the pipe open for longer.
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(find_answer(stdout)));
    match receiver.recv_timeout(end.saturating_duration_since(Instant::now())) {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => Err(wait_for_end(child, end)),
        Err(_) => Err(Failure::Late),
    }
}

/// The child has closed its output without an answer; how it ends says why.
fn wait_for_end(child: &mut Child, end: Instant) -> Failure {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Failure::Ended(status),
            Ok(None) if Instant::now() < end => thread::sleep(EXIT_POLL),
            Ok(None) | Err(_) => return Failure::Late,
        }
    }
}

/// The answer's line among whatever else is printed; `None` once the output ends without one.
fn find_answer(output: impl Read) -> Option<Answer> {
    BufReader::new(output.take(OUTPUT_LIMIT)).split(b'\n').map_while(Result::ok).find_map(|line| {
        let json = line.strip_prefix(ANSWER_MARK.as_bytes())?;
        serde_json::from_slice(json).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_found_among_noise() {
        let json = r#"{"nvml":[],"vulkan":[],"notes":[{"what":"w","remedy":"r"}]}"#;
        let expected = Some(Answer::only(Note::new("w", "r")));
        let check = |output: &str, expected: &Option<Answer>| {
            assert_eq!(find_answer(output.as_bytes()), *expected, "{output:?}");
        };
        check(&format!("{ANSWER_MARK}{json}\n"), &expected);
        check(&format!("\nwarning\n\n{ANSWER_MARK}{json}\nbye"), &expected);
        check(&format!("{ANSWER_MARK}broken\n{ANSWER_MARK}{json}"), &expected);
        check(&format!("warning {ANSWER_MARK}{json}\n"), &None);
        check(&format!("{ANSWER_MARK}{}\n", &json[..20]), &None);
        check("", &None);
    }

    #[test]
    fn output_that_is_no_text_does_not_hide_the_answer() {
        let mut output = vec![0xff, 0xfe, b'\n'];
        output.extend_from_slice(format!("{ANSWER_MARK}{{}}\n").as_bytes());
        assert_eq!(find_answer(&*output), Some(Answer::default()));
    }
}
