//! Every setting, its value and where it comes from, as the control API tells it.

use std::{collections::BTreeMap, time::Duration};

use loadmaster_control::{From, Setting};
use loadmaster_orchestrator::Policy;
use serde_json::{Value, json};

use super::{Config, File, Given};
use crate::Failed;

/// Where settings come from, by name; those that are missing are defaults.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources(BTreeMap<&'static str, From>);

impl Sources {
    /// Who says what: what was given, and what the file has.
    pub(super) fn of(given: &Given, file: &File) -> Self {
        let mut sources = Self::default();
        let (args, listen, network) = (&given.server, &given.listen, &given.network);
        for (name, by_command, by_file) in [
            ("listen", listen.listen.is_some(), file.listen.is_some()),
            ("token", listen.token.is_some() || listen.token_file.is_some(), file.token.is_some()),
            ("allow_origins", false, !file.allow_origins.is_empty()),
            ("log", given.global.log.is_some(), file.log.is_some()),
            ("drain", args.drain.is_some(), file.drain.is_some()),
            ("turn", args.turn.is_some(), file.turn.is_some()),
            ("wait", args.wait.is_some(), file.wait.is_some()),
            ("hang", args.hang.is_some(), file.hang.is_some()),
            ("resume", given.resume.is_some(), file.resume.is_some()),
            ("network.ca_file", network.ca_file.is_some(), file.network.ca_file.is_some()),
            ("network.stall_timeout", network.stall_timeout.is_some(), file.network.stall_timeout.is_some()),
            ("binaries.mirror", given.catalog.mirror.is_some(), file.binaries.mirror.is_some()),
            ("binaries.catalog", given.catalog.catalog.is_some(), file.binaries.catalog.is_some()),
            ("config", given.global.config.is_some(), false),
        ] {
            sources.note(name, by_command, by_file);
        }
        sources
    }

    /// Notes of the setting `name` whether the command line or the environment says it, and whether the file does.
    fn note(&mut self, name: &'static str, by_command: bool, by_file: bool) {
        if by_command || by_file {
            self.0.insert(name, if by_command { From::Command } else { From::File });
        }
    }

    fn of_one(&self, name: &str) -> From {
        self.0.get(name).copied().unwrap_or(From::Default)
    }
}

impl Config {
    /// All settings but budgets, which have a place of their own. Secrets are not among them.
    pub(crate) fn settings(&self) -> Vec<Setting> {
        let seconds = |time: Duration| json!(time.as_secs());
        let policy = &self.policy;
        let rows = [
            ("listen", json!(self.listen.to_string()), false, "The address that is listened on"),
            (
                "token",
                json!(self.token.is_some()),
                false,
                "Whether clients need a token; it is shown to nobody",
            ),
            ("allow_origins", json!(self.origins), false, "Web pages of others that may use this API"),
            ("log", json!(self.log), false, "What is logged, as a filter of tracing"),
            (
                "drain",
                seconds(policy.drain),
                true,
                "Seconds that a model which is told to stop may finish its answers",
            ),
            (
                "turn",
                seconds(policy.turn),
                true,
                "Seconds that a request waits before the models in its way give it their place",
            ),
            ("wait", seconds(policy.wait), true, "Seconds that a request waits at most"),
            (
                "hang",
                policy.hang.map_or(json!(0), seconds),
                true,
                "Seconds without progress after which a server is ended that has something to do; 0 for never",
            ),
            ("resume", json!(policy.resume), false, "Whether what was loaded at the end is loaded again"),
            ("network.hub", json!(self.network.hub), false, "The hub that models are pulled from"),
            (
                "network.ca_file",
                json!(self.network.ca_file),
                false,
                "Certificates that are trusted beside the system's",
            ),
            (
                "network.stall_timeout",
                seconds(self.network.stall_timeout),
                false,
                "Seconds that a server in the network may send nothing",
            ),
            (
                "binaries.mirror",
                json!(self.builds.mirror),
                false,
                "What builds are fetched from instead of GitHub",
            ),
            ("binaries.catalog", json!(self.builds.catalog), false, "A catalog of builds of the user's own"),
            ("config", json!(self.file), false, "The configuration file"),
            ("models", json!(self.folders.models), false, "The folder of the library of models"),
            ("builds", json!(self.folders.builds), false, "The folder of builds of servers"),
            ("logs", json!(self.folders.logs), false, "The folder of servers' logs"),
            ("state", json!(self.folders.state), false, "The folder of what must survive a crash"),
        ];
        let setting = |(name, value, can_change, help): (&str, Value, bool, &str)| Setting {
            name: name.to_owned(),
            value,
            from: self.sources.of_one(name),
            can_change,
            help: help.to_owned(),
        };
        rows.into_iter().map(setting).collect()
    }

    /// The same with other values of what can change while `serve` runs, all or none.
    pub(crate) fn changed(&self, changes: &BTreeMap<String, Value>) -> Result<Self, Failed> {
        let mut config = self.clone();
        for (name, value) in changes {
            let Some(seconds) = value.as_u64() else {
                let cause = format!("'{name}' is a number of seconds, and not {value}");
                return Err(Failed::usage(cause).remedy("Write a whole number, such as 30."));
            };
            let name = set(&mut config.policy, name, seconds)?;
            config.sources.0.insert(name, From::Changed);
        }
        Ok(config)
    }
}

/// Sets one time of the policy; returns its name.
fn set(policy: &mut Policy, name: &str, seconds: u64) -> Result<&'static str, Failed> {
    let time = Duration::from_secs(seconds);
    Ok(match name {
        "drain" => {
            policy.drain = time;
            "drain"
        }
        "turn" => {
            policy.turn = time;
            "turn"
        }
        "wait" => {
            policy.wait = time;
            "wait"
        }
        "hang" => {
            policy.hang = (seconds > 0).then_some(time);
            "hang"
        }
        _ => {
            let cause = format!("'{name}' cannot be changed while Loadmaster runs");
            return Err(Failed::usage(cause).remedy("Change it in the configuration file, and restart."));
        }
    })
}
