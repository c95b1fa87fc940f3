//! `loadmaster logs`

use std::process::ExitCode;

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    Failed,
    args::LogsArgs,
    config::Config,
    daemon::{self, Events},
    printed::print,
};

/// The log of Loadmaster itself.
const DAEMON: &str = "daemon";

/// What `GET /api/v1/logs/{source}` answers.
#[derive(Debug, Deserialize)]
struct Lines {
    lines: Vec<Value>,
    next: u64,
}

/// What is needed of a line to choose it.
#[derive(Debug, Deserialize)]
struct Line {
    model: Option<String>,
    level: String,
    seq: u64,
}

pub(crate) async fn execute(args: LogsArgs, config: &Config) -> Result<ExitCode, Failed> {
    let source = args.model.as_deref().unwrap_or(DAEMON);
    // Before the lines are read, so that none is missed between; which of them came twice is known by their numbers.
    let follows =
        if args.follow { Some(Events::listen(config, "/api/v1/events?topics=logs").await?) } else { None };
    let level = args.level.name();
    let path = format!("/api/v1/logs/{}?limit={}&level={level}", daemon::escaped(source), args.lines);
    let Lines { lines, next } = daemon::read(&daemon::ask(config, Method::GET, &path).await?)?;
    for line in &lines {
        show(line, args.json)?;
    }
    if let Some(events) = follows {
        follow(events, source, &args, next).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows what is written from now on, until Loadmaster ends.
async fn follow(mut events: Events, source: &str, args: &LogsArgs, mut known: u64) -> Result<(), Failed> {
    let wanted = args.level.and_worse();
    while let Some((name, json)) = events.next().await? {
        if name != "log" {
            continue;
        }
        let line: Line = serde_json::from_value(json.clone()).map_err(|error| {
            Failed::because(format!("The answer of Loadmaster could not be read: {error}"))
        })?;
        if line.model.as_deref().unwrap_or(DAEMON) != source || line.seq <= known {
            continue;
        }
        // From here on all are new, also those of a file that was begun anew.
        known = 0;
        if wanted.contains(&line.level.as_str()) {
            show(&json, args.json)?;
        }
    }
    Ok(())
}

fn show(json: &Value, as_json: bool) -> Result<(), Failed> {
    if as_json {
        return print(&format!("{json}\n"));
    }
    let text = json["line"].as_str().unwrap_or_default();
    if json["source"] == DAEMON {
        let level = json["level"].as_str().unwrap_or_default().to_uppercase();
        return print(&format!("{level:<5} {text}\n"));
    }
    // Servers write times and levels themselves.
    print(&format!("{text}\n"))
}
