//! `loadmaster hold`: memory for a program that is not ours.
//!
//! The hold lives as long as its connection to the daemon, so that it ends however this command ends.

mod program;

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use loadmaster_core::{Bytes, InstanceId};
use reqwest::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::interrupts::Interrupts;
use crate::{Failed, args::HoldArgs, config::Config, daemon, failed::INTERRUPTED};

const PATH: &str = "/api/v1/holds?while=connected";

pub(crate) async fn execute(args: HoldArgs, config: &Config) -> Result<ExitCode, Failed> {
    let asked = body(&args)?;
    // While others make room, Ctrl-C ends all of this; afterwards it is the program's.
    let mut interrupts = Interrupts::listen()?;
    let taken = async {
        let answer = daemon::stream(config, Method::POST, PATH, &asked).await?;
        let mut lines = Lines { answer, rest: Vec::new() };
        wait_for_room(&mut lines).await?;
        Ok::<_, Failed>(lines)
    };
    let lines = tokio::select! {
        lines = taken => lines?,
        () = interrupts.next() => return Ok(ExitCode::from(INTERRUPTED)),
    };
    let Some((program, arguments)) = args.command.split_first() else {
        return Err(Failed::usage("There is no program to run").remedy("Name it after --."));
    };
    let watched = tokio::spawn(tell_of_its_end(lines));
    let code = program::run(program, arguments).await;
    // Its connection ends with it, and the hold with that.
    watched.abort();
    code
}

/// What is asked of the daemon.
fn body(args: &HoldArgs) -> Result<Value, Failed> {
    if args.devices.len() != args.bytes.len() {
        let cause = format!("There are {} --device and {} --bytes", args.devices.len(), args.bytes.len());
        return Err(Failed::usage(cause).remedy("Write --bytes AMOUNT after each --device ID."));
    }
    let mut devices: BTreeMap<&str, u64> = BTreeMap::new();
    for (device, Bytes(bytes)) in args.devices.iter().zip(&args.bytes) {
        let sum = devices.entry(device).or_default();
        *sum = sum.saturating_add(*bytes);
    }
    let program = args.command.first().map(|program| Path::new(program).file_name().unwrap_or(program));
    let note = args.note.clone().or(program.map(|name| name.to_string_lossy().into_owned()));
    let mut body = json!({ "devices": devices, "note": note.unwrap_or_default() });
    if let Some(seconds) = args.wait {
        body["wait_seconds"] = seconds.into();
    }
    Ok(body)
}

/// One line of the daemon's answer.
#[derive(Debug, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
enum Line {
    Waiting,
    MakingRoom { leaving: Vec<InstanceId> },
    Granted,
    Released,
}

/// The lines of an answer that comes by and by.
struct Lines {
    answer: Response,
    rest: Vec<u8>,
}

impl Lines {
    /// The next one that says something; `None` when the answer is over.
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                if line.len() > 1 {
                    return Some(line);
                }
                continue;
            }
            // A connection that breaks is the end of the hold, as one that is closed.
            self.rest.extend_from_slice(&self.answer.chunk().await.ok()??);
        }
    }
}

/// Returns when the memory is held; says meanwhile what it waits for.
async fn wait_for_room(lines: &mut Lines) -> Result<(), Failed> {
    while let Some(line) = lines.next().await {
        let text = String::from_utf8_lossy(&line);
        match serde_json::from_slice(&line) {
            Ok(Line::Granted) => return Ok(()),
            Ok(Line::Waiting) => eprintln!("waiting for memory"),
            Ok(Line::MakingRoom { leaving }) => {
                let names: Vec<String> = leaving.iter().map(ToString::to_string).collect();
                eprintln!("waiting until these have made room: {}", names.join(", "));
            }
            Ok(Line::Released) => break,
            Err(_) => return Err(daemon::refused(StatusCode::SERVICE_UNAVAILABLE, &text)),
        }
    }
    Err(Failed::because("Loadmaster ended before the memory was free")
        .remedy("Start it again, then ask again."))
}

/// Says so when the hold ends before its program does.
async fn tell_of_its_end(mut lines: Lines) {
    while let Some(line) = lines.next().await {
        if matches!(serde_json::from_slice(&line), Ok(Line::Released)) {
            break;
        }
    }
    eprintln!("the memory is no longer held; the program goes on");
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Args, Command};

    fn asked(line: &str) -> Result<Value, String> {
        let Command::Hold(hold) = Args::parse_from(line.split_whitespace()).command else { panic!("hold") };
        body(&hold).map_err(|failed| format!("{failed:?}"))
    }

    #[test]
    fn devices_and_bytes_go_together() {
        let two = "loadmaster hold --device gpu0 --bytes 4GiB --device host --bytes 1KiB -- /bin/game --fast";
        let expected = json!({ "devices": { "gpu0": 4_u64 << 30, "host": 1024 }, "note": "game" });
        assert_eq!(asked(two), Ok(expected));
        let twice = "loadmaster hold --device a --bytes 1 --device a --bytes 2 --wait 5 --note x -- b";
        assert_eq!(asked(twice), Ok(json!({ "devices": { "a": 3 }, "note": "x", "wait_seconds": 5 })));
        let odd = asked("loadmaster hold --device a --device b --bytes 2 -- c").unwrap_err();
        assert!(odd.contains("There are 2 --device and 1 --bytes"), "{odd}");
    }
}
