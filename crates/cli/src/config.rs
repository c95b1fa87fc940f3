//! The configuration: flags before environment before file before defaults.
//!
//! clap reads flags and environment; this module adds the file and the defaults. The environment is
//! read nowhere else.

mod builds;
mod models;
mod network;
mod origins;
mod settings;
mod terminal;
mod token;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    net::{SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::ValueEnum;
use loadmaster_core::Settings;
use loadmaster_orchestrator::{Budget, Budgets, Policy};
use serde::Deserialize;

pub(crate) use self::{
    builds::{Builds, Install},
    models::Section as ModelSection,
    network::Network,
    origins::folders_of,
    settings::Sources,
    terminal::Terminal,
    token::Token,
};
use crate::{
    Failed,
    args::{CatalogArgs, Command, GlobalArgs, ListenArgs, NetworkArgs, ServerArgs},
    folders::Folders,
};

/// The address that is listened on when none is given.
const LISTEN: &str = "127.0.0.1:11611";

/// What to do about a wrong configuration file.
const REMEDY: &str = "Correct the file, or name another one with --config.";

/// `config.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The address that `serve` listens on.
    listen: Option<String>,
    /// The file that has the token which clients need.
    #[serde(rename = "token_file")]
    token: Option<PathBuf>,
    /// Web pages of others that may use the API, by their origins.
    #[serde(default)]
    allow_origins: Vec<String>,
    /// What to log.
    log: Option<String>,
    /// Seconds that a model which is told to stop may finish its answers.
    drain: Option<u64>,
    /// Seconds that a request waits before the models in its way give it their place.
    turn: Option<u64>,
    /// Seconds that a request waits at most.
    wait: Option<u64>,
    /// Seconds without progress after which a server is ended that has something to do; 0 for never.
    hang: Option<u64>,
    /// How servers in the network are reached.
    #[serde(default)]
    network: network::Section,
    /// Where builds of servers come from.
    #[serde(default)]
    binaries: builds::Section,
    /// What may be taken of each device.
    #[serde(default)]
    budgets: BTreeMap<String, String>,
    /// A section for each model that is treated in a way of its own.
    #[serde(default)]
    models: BTreeMap<String, ModelSection>,
    /// A section for each backend.
    #[serde(default)]
    backends: BTreeMap<String, Settings>,
    /// Whether what was loaded at the end is loaded again.
    resume: Option<bool>,
}

/// What the command line and the environment say; the file is read again under it.
#[derive(Debug, Clone)]
struct Given {
    global: GlobalArgs,
    listen: ListenArgs,
    server: ServerArgs,
    network: NetworkArgs,
    catalog: CatalogArgs,
    resume: Option<bool>,
}

/// The configuration of this run.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) folders: Folders,
    pub(crate) listen: SocketAddr,
    /// What clients must know, if they must know anything.
    pub(crate) token: Option<Token>,
    /// Web pages of others that may use the API.
    pub(crate) origins: Vec<String>,
    pub(crate) log: Option<String>,
    pub(crate) policy: Policy,
    /// Models, and what is kept to for single ones, by their names.
    pub(crate) models: BTreeMap<String, ModelSection>,
    pub(crate) network: Network,
    pub(crate) builds: Builds,
    /// A section for each backend, by its id.
    pub(crate) backends: BTreeMap<String, Settings>,
    /// `PATH`, where servers are looked for.
    pub(crate) search_path: Option<OsString>,
    /// The file, and whether it was there.
    pub(crate) file: PathBuf,
    pub(crate) has_file: bool,
    pub(crate) sources: Sources,
    given: Given,
}

impl Config {
    /// Reads the file and lays flags and environment over it.
    pub(crate) fn load(global: &GlobalArgs, command: &Command) -> Result<Self, Failed> {
        Self::read(Given::by(global, command))
    }

    /// The same as if the file said nothing, for whoever must go on although it is wrong.
    pub(crate) fn without_file(global: &GlobalArgs, command: &Command) -> Result<Self, Failed> {
        let folders = Folders::find(global.home.as_deref())?;
        let path = path(global, &folders);
        Self::of(Given::by(global, command), folders, path, None)
    }

    /// The same with the file as it is now.
    pub(crate) fn again(&self) -> Result<Self, Failed> {
        let again = Self::read(self.given.clone())?;
        if self.has_file && !again.has_file {
            // Nobody takes all models away by losing a file.
            let cause = format!("The configuration file {} is gone", self.file.display());
            return Err(Failed::not_found(cause).remedy("Put it back; all stays as it was meanwhile."));
        }
        Ok(again)
    }

    fn read(given: Given) -> Result<Self, Failed> {
        let folders = Folders::find(given.global.home.as_deref())?;
        let path = path(&given.global, &folders);
        let found = read(&path)?;
        if found.is_none() && given.global.config.is_some() {
            return Err(Failed::not_found(format!("There is no configuration file {}", path.display()))
                .remedy("Correct --config or LOADMASTER_CONFIG."));
        }
        Self::of(given, folders, path, found)
    }

    /// Lays what was given over the file.
    fn of(given: Given, folders: Folders, path: PathBuf, found: Option<File>) -> Result<Self, Failed> {
        let (global, args) = (&given.global, &given.server);
        let has_file = found.is_some();
        let mut file = found.unwrap_or_default();
        let sources = Sources::of(&given, &file);
        if let Some(name) = models::impossible_name(&file.models) {
            let cause =
                format!("[models.{name:?}] has a name that no model can have: no commas, no ~ in front");
            return Err(wrong(&path, &cause));
        }
        for section in file.models.values_mut() {
            section.seen_from(&path.with_file_name(""));
        }
        let mut budgets = BTreeMap::new();
        for (device, amount) in &file.budgets {
            let budget: Budget = amount
                .parse()
                .map_err(|error: String| wrong(&path, &format!("in [budgets], {device}: {error}")))?;
            budgets.insert(device.clone(), budget);
        }
        budgets.extend(args.budgets.iter().cloned());
        let resume = given.resume.or(file.resume).unwrap_or(false);
        let mut policy = Policy { budgets: Budgets(budgets), resume, ..Policy::default() };
        for (time, seconds) in [
            (&mut policy.drain, args.drain.or(file.drain)),
            (&mut policy.turn, args.turn.or(file.turn)),
            (&mut policy.wait, args.wait.or(file.wait)),
        ] {
            *time = seconds.map_or(*time, Duration::from_secs);
        }
        if let Some(seconds) = args.hang.or(file.hang) {
            policy.hang = (seconds > 0).then(|| Duration::from_secs(seconds));
        }
        Ok(Self {
            folders,
            listen: address(given.listen.listen.as_deref().or(file.listen.as_deref()).unwrap_or(LISTEN))?,
            token: Token::find(&given.listen, file.token.map(|file| path.with_file_name("").join(file))),
            origins: file.allow_origins,
            log: global.log.clone().or(file.log),
            policy,
            models: file.models,
            network: Network::new(given.network.clone(), file.network),
            builds: Builds::new(given.catalog.clone(), file.binaries, &path),
            backends: backends(args, file.backends),
            search_path: search_path(),
            file: path,
            has_file,
            sources,
            given,
        })
    }
}

impl Given {
    fn by(global: &GlobalArgs, command: &Command) -> Self {
        Self {
            global: global.clone(),
            listen: command.listen(),
            server: command.server(),
            network: command.network(),
            catalog: command.catalog(),
            resume: command.resume(),
        }
    }
}

/// Where the file is.
fn path(global: &GlobalArgs, folders: &Folders) -> PathBuf {
    global.config.clone().unwrap_or_else(|| folders.config.join("config.toml"))
}

/// The file's content; `None` when there is none.
fn read(path: &Path) -> Result<Option<File>, Failed> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let cause = format!("The configuration {} cannot be read: {error}", path.display());
            return Err(Failed::because(cause).remedy(REMEDY));
        }
    };
    toml::from_str(&text).map(Some).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        // The message of a syntax error can have several lines.
        let message = error.message().lines().collect::<Vec<_>>().join(", ");
        wrong(path, &format!("in line {line}, {message}"))
    })
}

/// What the file says cannot be.
fn wrong(path: &Path, cause: &str) -> Failed {
    Failed::usage(format!("The configuration {} is wrong: {cause}", path.display())).remedy(REMEDY)
}

fn backends(args: &ServerArgs, mut sections: BTreeMap<String, Settings>) -> BTreeMap<String, Settings> {
    let mut put = |backend: &str, name: &str, value: String| {
        sections.entry(backend.to_owned()).or_default().insert(name.to_owned(), value.into());
    };
    for (backend, name, program) in [
        ("llama", "server", &args.llama_server),
        ("sd", "server", &args.sd_server),
        ("sd", "cli", &args.sd_cli),
    ] {
        if let Some(program) = program {
            put(backend, name, program.to_string_lossy().into_owned());
        }
    }
    if let Some(name) = args.llama_transport.and_then(|transport| transport.to_possible_value()) {
        put("llama", "transport", name.get_name().to_owned());
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
    use clap::Parser;
    use loadmaster_core::ModelKind;

    use super::*;
    use crate::args::Args;

    fn load(toml: &str, flags: &[&str]) -> Result<Config, String> {
        let file = std::env::temp_dir().join(format!(
            "loadmaster-config-{}-{}.toml",
            std::process::id(),
            toml.len()
        ));
        std::fs::write(&file, toml).unwrap();
        let line = ["loadmaster", "serve", "--config"].map(OsString::from).into_iter();
        let line = line.chain([file.clone().into()]).chain(flags.iter().map(OsString::from));
        let args = Args::parse_from(line);
        let config = Config::load(&args.global, &args.command);
        std::fs::remove_file(&file).unwrap();
        config.map_err(|failed| format!("{failed:?}"))
    }

    #[test]
    fn flags_come_before_the_file() {
        let toml = "listen = '127.0.0.1:1'\ndrain = 7\n[budgets]\nhost = '12 GiB'\n'vulkan:0' = '1.5 GiB'\n\
                    [backends.llama]\nserver = '/a/llama-server'\n";
        let from_file = load(toml, &[]).unwrap();
        assert_eq!(from_file.listen.port(), 1);
        assert_eq!(from_file.policy.drain, Duration::from_secs(7));
        assert_eq!(from_file.policy.budgets.0["vulkan:0"], Budget::Bytes(3 << 29));
        assert_eq!(from_file.backends["llama"]["server"], "/a/llama-server");
        assert_eq!(from_file.policy.hang, Some(Duration::from_mins(2)));
        let flags =
            ["--listen", "127.0.0.1:2", "--budget", "host=50 %", "--llama-server", "/b", "--hang", "0"];
        let merged = load(toml, &flags).unwrap();
        assert_eq!(merged.policy.hang, None);
        assert_eq!(merged.listen.port(), 2);
        assert_eq!(merged.policy.budgets.0["host"], Budget::Percent(50));
        assert_eq!(merged.backends["llama"]["server"], "/b");
    }

    #[test]
    fn models_are_found_beside_the_file() {
        let toml =
            "resume = true\n[models.a]\nfile = 'a.gguf'\npinned = true\nsettings = { context_length = 8 }\n";
        let config = load(toml, &[]).unwrap();
        let section = &config.models["a"];
        assert_eq!(section.file, Some(std::env::temp_dir().join("a.gguf")));
        assert_eq!(
            (&section.settings["context_length"], section.rules(ModelKind::Text).pinned),
            (&8.into(), true)
        );
        assert!(config.policy.resume && !load(toml, &["--resume=false"]).unwrap().policy.resume);
        assert!(load("", &["--resume"]).unwrap().policy.resume);
    }

    #[test]
    fn image_models_have_parts_and_yield() {
        let toml = "[models.paints]\nfile = 'flux.gguf'\nsettings.components = { vae = 'ae.safetensors' }\n\
                    [models.keeps]\nkind = 'image'\nyields_seconds = 60\ndrain_seconds = 5\n";
        let config = load(toml, &[]).unwrap();
        let paints = &config.models["paints"];
        let file = paints.file.clone().unwrap();
        assert_eq!(
            paints.settings["components"]["vae"],
            file.with_file_name("ae.safetensors").to_str().unwrap()
        );
        let kind = paints.kind(&file);
        assert_eq!(kind, ModelKind::Image);
        assert_eq!(
            (paints.rules(kind).yields_seconds, paints.rules(kind).drain_seconds),
            (Some(1), Some(600))
        );
        let keeps = &config.models["keeps"];
        let kind = keeps.kind(Path::new("x.gguf"));
        assert_eq!((keeps.rules(kind).yields_seconds, keeps.rules(kind).drain_seconds), (Some(60), Some(5)));
        // Language models stay as they were.
        assert_eq!(
            ModelSection::default().rules(ModelKind::Text),
            loadmaster_orchestrator::ModelRules::default()
        );
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for (toml, cause) in [
            ("lisen = 'x'", "in line 1, unknown field `lisen`"),
            ("listen = 'nowhere'", "is not an address"),
            ("[budgets]\nhost = 'lots'", "in [budgets], host"),
            ("listen = 1", "invalid type"),
            ("[models.a]\nfil = 'x'", "in line 2, unknown field `fil`"),
            ("[models.'a,b']\npinned = true", "has a name that no model can have"),
        ] {
            let error = load(toml, &[]).expect_err(toml);
            assert!(error.contains(cause), "{toml}: {error}");
        }
    }
}
