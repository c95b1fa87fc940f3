//! `loadmaster settings`

use std::process::ExitCode;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Failed, args::SettingsArgs, config::Config, daemon, printed::print, table};

const PATH: &str = "/api/v1/settings";

/// What it answers.
#[derive(Debug, Deserialize)]
struct Settings {
    settings: Vec<Setting>,
}

#[derive(Debug, Deserialize)]
struct Setting {
    name: String,
    value: Value,
    from: String,
    can_change: bool,
    help: String,
}

pub(crate) async fn execute(args: SettingsArgs, config: &Config) -> Result<ExitCode, Failed> {
    let body = if args.changes.is_empty() {
        daemon::ask(config, Method::GET, PATH).await?
    } else {
        let changes: Map<String, Value> = args.changes.into_iter().collect();
        daemon::tell(config, Method::PUT, PATH, &Value::Object(changes)).await?
    };
    print(&if args.json { format!("{body}\n") } else { shown(daemon::read(&body)?) })?;
    Ok(ExitCode::SUCCESS)
}

fn shown(settings: Settings) -> String {
    let header = ["SETTING", "VALUE", "FROM", "", "MEANING"].map(str::to_owned).to_vec();
    let row = |setting: Setting| {
        let value = match setting.value {
            Value::Null => "-".to_owned(),
            Value::String(text) => text,
            other => other.to_string(),
        };
        let can_change = if setting.can_change { "can change" } else { "" };
        vec![setting.name, value, setting.from, can_change.to_owned(), setting.help]
    };
    table::left(&std::iter::once(header).chain(settings.settings.into_iter().map(row)).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_setting_is_a_line() {
        let setting =
            json!({ "name": "turn", "value": 10, "from": "file", "can_change": true, "help": "Seconds" });
        let settings = serde_json::from_value(json!({ "settings": [setting] })).unwrap();
        assert_eq!(
            shown(settings),
            "SETTING  VALUE  FROM              MEANING\nturn     10     file  can change  Seconds\n"
        );
    }
}
