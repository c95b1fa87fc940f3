//! The configuration: flags before environment before file before defaults.
//!
//! clap reads flags and environment; this module adds the file and the defaults. The environment is
//! read nowhere else.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    net::{SocketAddr, ToSocketAddrs},
    path::Path,
    time::Duration,
};

use clap::ValueEnum;
use loadmaster_core::Settings;
use loadmaster_orchestrator::{Budget, Budgets, Policy};
use serde::Deserialize;

use crate::{Failed, args::GlobalArgs, folders::Folders};

/// The address that is listened on when none is given.
const LISTEN: &str = "127.0.0.1:11611";

/// `config.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The address that `serve` listens on.
    listen: Option<String>,
    /// What to log.
    log: Option<String>,
    /// Seconds that a model which is told to stop may finish its answers.
    drain: Option<u64>,
    /// What may be taken of each device.
    #[serde(default)]
    budgets: BTreeMap<String, String>,
    /// A section for each backend.
    #[serde(default)]
    backends: BTreeMap<String, Settings>,
}

/// The configuration of this run.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) folders: Folders,
    pub(crate) listen: SocketAddr,
    pub(crate) log: Option<String>,
    pub(crate) policy: Policy,
    /// A section for each backend, by its id.
    pub(crate) backends: BTreeMap<String, Settings>,
    /// `PATH`, where servers are looked for.
    pub(crate) search_path: Option<OsString>,
}

impl Config {
    /// Reads the file and lays flags and environment over it.
    pub(crate) fn load(args: &GlobalArgs) -> Result<Self, Failed> {
        let folders = Folders::find(args.home.as_deref())?;
        let file = match &args.config {
            Some(named) => read(named)?.ok_or_else(|| {
                Failed::not_found(format!("There is no configuration file {}", named.display()))
                    .remedy("Correct --config or LOADMASTER_CONFIG.")
            })?,
            None => read(&folders.config.join("config.toml"))?.unwrap_or_default(),
        };
        let mut budgets = BTreeMap::new();
        for (device, amount) in &file.budgets {
            let budget: Budget =
                amount.parse().map_err(|error| Failed::usage(format!("[budgets] {device}: {error}")))?;
            budgets.insert(device.clone(), budget);
        }
        budgets.extend(args.budgets.iter().cloned());
        let mut policy = Policy { budgets: Budgets(budgets), ..Policy::default() };
        if let Some(seconds) = args.drain.or(file.drain) {
            policy.drain = Duration::from_secs(seconds);
        }
        Ok(Self {
            folders,
            listen: address(args.listen.as_deref().or(file.listen.as_deref()).unwrap_or(LISTEN))?,
            log: args.log.clone().or(file.log),
            policy,
            backends: backends(args, file.backends),
            search_path: search_path(),
        })
    }
}

/// The file's content; `None` when there is none.
fn read(path: &Path) -> Result<Option<File>, Failed> {
    let remedy = "Correct the file, or name another one with --config.";
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let cause = format!("The configuration {} cannot be read: {error}", path.display());
            return Err(Failed::because(cause).remedy(remedy));
        }
    };
    toml::from_str(&text).map(Some).map_err(|error| {
        let cause =
            format!("The configuration {} is wrong: {}", path.display(), error.to_string().trim_end());
        Failed::usage(cause).remedy(remedy)
    })
}

fn backends(args: &GlobalArgs, mut sections: BTreeMap<String, Settings>) -> BTreeMap<String, Settings> {
    let llama = sections.entry("llama".to_owned()).or_default();
    if let Some(server) = &args.llama_server {
        llama.insert("server".to_owned(), server.to_string_lossy().into());
    }
    if let Some(name) = args.llama_transport.and_then(|transport| transport.to_possible_value()) {
        llama.insert("transport".to_owned(), name.get_name().into());
    }
    sections
}

fn address(text: &str) -> Result<SocketAddr, Failed> {
    let found = text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    found.ok_or_else(|| {
        Failed::usage(format!("'{text}' is not an address to listen on"))
            .remedy("Write it like 127.0.0.1:11611; port 0 takes a free one.")
    })
}

#[expect(clippy::disallowed_methods, reason = "this is the configuration, where the environment is read")]
fn search_path() -> Option<OsString> {
    std::env::var_os("PATH")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(toml: &str, args: GlobalArgs) -> Result<Config, String> {
        let file = std::env::temp_dir().join(format!(
            "loadmaster-config-{}-{}.toml",
            std::process::id(),
            toml.len()
        ));
        std::fs::write(&file, toml).unwrap();
        let config = Config::load(&GlobalArgs { config: Some(file.clone()), ..args });
        std::fs::remove_file(&file).unwrap();
        config.map_err(|failed| format!("{failed:?}"))
    }

    #[test]
    fn flags_come_before_the_file() {
        let toml = "listen = '127.0.0.1:1'\ndrain = 7\n[budgets]\nhost = '12 GiB'\n'vulkan:0' = '1.5 GiB'\n\
                    [backends.llama]\nserver = '/a/llama-server'\n";
        let from_file = load(toml, GlobalArgs::default()).unwrap();
        assert_eq!(from_file.listen.port(), 1);
        assert_eq!(from_file.policy.drain, Duration::from_secs(7));
        assert_eq!(from_file.policy.budgets.0["vulkan:0"], Budget::Bytes(3 << 29));
        assert_eq!(from_file.backends["llama"]["server"], "/a/llama-server");
        let flags = GlobalArgs {
            listen: Some("127.0.0.1:2".into()),
            budgets: vec![("host".into(), Budget::Percent(50))],
            llama_server: Some("/b".into()),
            ..GlobalArgs::default()
        };
        let merged = load(toml, flags).unwrap();
        assert_eq!(merged.listen.port(), 2);
        assert_eq!(merged.policy.budgets.0["host"], Budget::Percent(50));
        assert_eq!(merged.backends["llama"]["server"], "/b");
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for (toml, cause) in [
            ("lisen = 'x'", "unknown field `lisen`"),
            ("listen = 'nowhere'", "is not an address"),
            ("[budgets]\nhost = 'lots'", "[budgets] host"),
            ("listen = 1", "invalid type"),
        ] {
            let error = load(toml, GlobalArgs::default()).expect_err(toml);
            assert!(error.contains(cause), "{toml}: {error}");
        }
    }
}
