//! `loadmaster events`

pub(crate) mod clock;
pub(crate) mod words;

use std::process::ExitCode;

use serde_json::json;

use self::words::{Said, said};
use crate::{
    Failed,
    args::EventsArgs,
    config::Config,
    daemon::{Following, Heard, Told},
    printed::print,
};

/// What all begins with, and what stands for what was missed.
const SNAPSHOT: &str = "snapshot";

pub(crate) async fn execute(args: EventsArgs, config: &Config) -> Result<ExitCode, Failed> {
    let mut following = Following::begin(config, args.topics.trim(), args.since).await?;
    // Whether a snapshot tells that something was missed.
    let mut goes_on = args.since.is_some();
    loop {
        match following.next().await {
            Heard::Told(told) if told.name == SNAPSHOT => {
                if goes_on {
                    eprintln!(
                        "some events were missed: more happened than Loadmaster keeps, or it was started again"
                    );
                }
                goes_on = true;
                if args.json {
                    print(&as_json(&told))?;
                }
            }
            Heard::Told(told) if args.json => print(&as_json(&told))?,
            Heard::Told(told) => print(&line(&said(&told)))?,
            Heard::Lost(why) => eprintln!("{why}; waiting for it to come back"),
            Heard::Back => eprintln!("Loadmaster is back"),
        }
    }
}

fn as_json(told: &Told) -> String {
    format!("{}\n", json!({ "event": told.name, "id": told.id, "data": told.data }))
}

fn line(said: &Said) -> String {
    let at = clock::utc(said.at_ms.unwrap_or_else(clock::now_ms));
    let text = format!("{at}  {:<12}  {:<24}  {}", said.what, said.whom, said.why);
    format!("{}\n", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let mut told = Said {
            at_ms: Some(1_735_689_599_000),
            what: "refused".to_owned(),
            whom: "a".to_owned(),
            why: "too large".to_owned(),
        };
        let whom = format!("{:<24}", "a");
        assert_eq!(line(&told), format!("2024-12-31T23:59:59Z  refused       {whom}  too large\n"));
        told.why.clear();
        assert_eq!(line(&told), "2024-12-31T23:59:59Z  refused       a\n");
    }
}
