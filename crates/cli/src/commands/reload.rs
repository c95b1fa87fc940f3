//! `loadmaster reload`

use std::{fmt::Write as _, process::ExitCode};

use loadmaster_gateway::Reloaded;
use reqwest::Method;

use crate::{Failed, args::ReloadArgs, config::Config, daemon, printed::print};

pub(crate) async fn execute(args: ReloadArgs, config: &Config) -> Result<ExitCode, Failed> {
    let body = daemon::ask(config, Method::POST, "/api/v1/reload").await?;
    if args.json {
        print(&format!("{body}\n"))?;
    } else {
        print(&shown(&daemon::read(&body)?))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(reloaded: &Reloaded) -> String {
    let Reloaded { added, removed, changed, kept, needs_restart } = reloaded;
    let mut text = String::from("reloaded\n");
    for (what, names) in [("added", added), ("removed", removed), ("changed", changed), ("kept", kept)] {
        if !names.is_empty() {
            // Writing into a string cannot fail, here and below.
            let _ = writeln!(text, "  {what}: {}", names.join(", "));
        }
    }
    if !needs_restart.is_empty() {
        let _ = writeln!(text, "  holds after a restart: {}", needs_restart.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_told() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let reloaded = Reloaded {
            added: names(&["a", "b"]),
            kept: names(&["c"]),
            needs_restart: names(&["listen"]),
            ..Reloaded::default()
        };
        let told = "reloaded\n  added: a, b\n  kept: c\n  holds after a restart: listen\n";
        assert_eq!(shown(&reloaded), told);
    }
}
