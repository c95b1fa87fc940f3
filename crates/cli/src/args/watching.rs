//! What a running `loadmaster serve` writes down, and how it is set up.

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::ListenArgs;

#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// The model whose server's log is shown [default: Loadmaster's own]
    pub(crate) model: Option<String>,
    /// Show what is as bad as this, or worse
    #[arg(long, value_enum, default_value_t = Level::Debug)]
    pub(crate) level: Level,
    /// How many of the last lines
    #[arg(short = 'n', long, default_value_t = 200, value_name = "N")]
    pub(crate) lines: usize,
    /// Go on with what is written from now on, until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Print each line as JSON, with its time and its level
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
}

/// How bad a line is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

impl Level {
    const NAMES: [&str; 4] = ["error", "warn", "info", "debug"];

    /// Its name, as the API knows it.
    pub(crate) fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The names of all that are at least as bad.
    pub(crate) fn and_worse(self) -> &'static [&'static str] {
        &Self::NAMES[..=self as usize]
    }
}

#[derive(Debug, Args)]
pub(crate) struct TopArgs {
    /// Print what it is like now and end, as is done where there is no terminal
    #[arg(long)]
    pub(crate) once: bool,
    /// Print that as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Draw with ASCII alone, as is done where the locale knows no more
    #[arg(long)]
    pub(crate) ascii: bool,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SettingsArgs {
    /// What changes until the configuration is read again: "turn=5". Without any, all are shown
    #[arg(value_name = "NAME=VALUE", value_parser = change)]
    pub(crate) changes: Vec<(String, Value)>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
}

/// A value is JSON where it can be, and else a text.
fn change(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("write it like turn=5".to_owned())?;
    let value = value.trim();
    Ok((name.trim().to_owned(), serde_json::from_str(value).unwrap_or_else(|_| Value::from(value))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn levels_reach_to_the_worst() {
        assert_eq!(Level::Warn.and_worse(), ["error", "warn"]);
        assert_eq!(Level::Debug.name(), "debug");
    }

    #[test]
    fn values_are_json_or_text() {
        assert_eq!(change("turn = 5").unwrap(), ("turn".to_owned(), json!(5)));
        assert_eq!(change("log=info,hyper=warn").unwrap().1, json!("info,hyper=warn"));
        assert!(change("turn").is_err());
    }
}
