//! What the command understands.

mod builds;
mod following;
mod hold;
mod image;
mod library;
mod load;
mod network;
mod panel;
mod reload;
mod running;
mod watching;
mod ways;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum, builder::styling};
use loadmaster_core::Bytes;
use loadmaster_orchestrator::Budget;

pub(crate) use self::{
    builds::{
        BinariesArgs, BinariesCommand, CatalogArgs, DoctorArgs, InstallArgs, ListBuildsArgs, PruneArgs,
        SourceArg, VerifyBuildsArgs,
    },
    following::EventsArgs,
    hold::{BudgetArgs, HoldArgs},
    image::ImageArgs,
    library::{GcArgs, ImportArgs, ListArgs, PullArgs, RmArgs, ShowArgs, VerifyArgs},
    load::{LoadArgs, PlanArgs},
    network::NetworkArgs,
    panel::PanelArgs,
    reload::{ReloadArgs, ResumeArgs},
    running::{ListenArgs, PlanOfArgs, PsArgs, StartArgs, StopArgs},
    watching::{LogsArgs, SettingsArgs},
};

const STYLES: styling::Styles = styling::Styles::styled()
    .header(styling::AnsiColor::Green.on_default().bold())
    .usage(styling::AnsiColor::Green.on_default().bold())
    .literal(styling::AnsiColor::Cyan.on_default().bold())
    .placeholder(styling::AnsiColor::Cyan.on_default());

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not enough memory, 4 not found, \
                          130 interrupted.";

/// What `inspect` and `estimate` take.
const FILE_OR_URL: &str = "The GGUF file, of a split model its first; a model of the library; or an http(s) URL, of which \
                           the header alone is fetched (Hugging Face gets the token HF_TOKEN)";

/// Runs local AI models so that the machine never runs out of memory.
#[derive(Debug, Parser)]
#[command(name = "loadmaster", version, styles = STYLES, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command. The short help of a command has its own options alone.
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct GlobalArgs {
    /// Keep configuration, logs and state in this folder instead of the platform's
    #[arg(
        long,
        global = true,
        env = "LOADMASTER_HOME",
        hide_env_values = true,
        value_name = "FOLDER",
        hide_short_help = true
    )]
    pub(crate) home: Option<PathBuf>,
    /// Read this configuration file [default: config.toml in the platform's folder, or in --home]
    #[arg(
        long,
        global = true,
        env = "LOADMASTER_CONFIG",
        hide_env_values = true,
        value_name = "FILE",
        hide_short_help = true
    )]
    pub(crate) config: Option<PathBuf>,
    /// Say more on stderr: -v what happens, -vv why
    #[arg(short, long, global = true, action = clap::ArgAction::Count, hide_short_help = true)]
    pub(crate) verbose: u8,
    /// What to log, as a filter of tracing: "info", "debug,hyper=warn"
    #[arg(
        long,
        global = true,
        env = "LOADMASTER_LOG",
        hide_env_values = true,
        value_name = "FILTER",
        hide_short_help = true
    )]
    pub(crate) log: Option<String>,
}

/// What servers may take, and how they are run.
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(next_help_heading = "Memory and servers")]
pub(crate) struct ServerArgs {
    /// What may be taken of a device: "host=12 GiB", "gpu0=80 %"; may be repeated
    #[arg(long = "budget", env = "LOADMASTER_BUDGETS", value_name = "DEVICE=AMOUNT",
          value_delimiter = ',', value_parser = budget, hide_env_values = true)]
    pub(crate) budgets: Vec<(String, Budget)>,
    /// The llama-server to use, or its folder [default: the installed one, else the first on PATH]
    #[arg(long, env = "LOADMASTER_LLAMA_SERVER", value_name = "PATH", hide_env_values = true)]
    pub(crate) llama_server: Option<PathBuf>,
    /// The sd-server to use [default: the installed one, else the first on PATH]
    #[arg(
        long,
        env = "LOADMASTER_SD_SERVER",
        value_name = "PATH",
        hide_env_values = true,
        hide_short_help = true
    )]
    pub(crate) sd_server: Option<PathBuf>,
    /// The sd-cli to use [default: the installed one, else the first on PATH]
    #[arg(
        long,
        env = "LOADMASTER_SD_CLI",
        value_name = "PATH",
        hide_env_values = true,
        hide_short_help = true
    )]
    pub(crate) sd_cli: Option<PathBuf>,
    /// How llama-server is reached [default: auto, a Unix socket where there are any]
    #[arg(
        long,
        env = "LOADMASTER_LLAMA_TRANSPORT",
        hide_env_values = true,
        value_name = "HOW",
        hide_short_help = true
    )]
    pub(crate) llama_transport: Option<Transport>,
    /// Seconds that a model which is told to stop may finish its answers [default: 30]
    #[arg(
        long,
        env = "LOADMASTER_DRAIN",
        hide_env_values = true,
        value_name = "SECONDS",
        hide_short_help = true
    )]
    pub(crate) drain: Option<u64>,
    /// Seconds that a request waits before the models in its way give it their place [default: 10]
    #[arg(
        long,
        env = "LOADMASTER_TURN",
        hide_env_values = true,
        value_name = "SECONDS",
        hide_short_help = true
    )]
    pub(crate) turn: Option<u64>,
    /// Seconds that a request waits at most [default: 600]
    #[arg(
        long,
        env = "LOADMASTER_WAIT",
        hide_env_values = true,
        value_name = "SECONDS",
        hide_short_help = true
    )]
    pub(crate) wait: Option<u64>,
    /// Seconds without any progress after which a server is ended that has something to do; 0 for never
    /// [default: 120]
    #[arg(
        long,
        env = "LOADMASTER_HANG",
        hide_env_values = true,
        value_name = "SECONDS",
        hide_short_help = true
    )]
    pub(crate) hang: Option<u64>,
}

/// How a server is reached.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Transport {
    Auto,
    Unix,
    Tcp,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Chat with a model in the terminal, or answer one prompt
    Run(RunArgs),
    /// Make images of a description
    Image(ImageArgs),
    /// Serve models over an OpenAI-compatible API
    Serve(ServeArgs),
    /// Download a model into the library
    Pull(PullArgs),
    /// Take a model of this disk, or of another program, into the library
    Import(ImportArgs),
    /// List the models of the library
    List(ListArgs),
    /// Show what the library knows of a model
    Show(ShowArgs),
    /// Check every byte of models of the library
    Verify(VerifyArgs),
    /// Remove a model from the library
    Rm(RmArgs),
    /// Remove what no model of the library needs
    Gc(GcArgs),
    /// List the models of a running `loadmaster serve`
    Ps(PsArgs),
    /// Load a model of a running `loadmaster serve`, as it is configured or in another way
    Start(StartArgs),
    /// Show what loading a model would take, and who would make room
    Plan(PlanOfArgs),
    /// Stop a model of a running `loadmaster serve`
    Stop(StopArgs),
    /// Show what Loadmaster or the server of a model writes down, and follow it
    Logs(LogsArgs),
    /// Follow what happens in a running `loadmaster serve`
    Events(EventsArgs),
    /// Open the control panel of a running `loadmaster serve` in your browser
    Panel(PanelArgs),
    /// Show how a running `loadmaster serve` is set up and why, or change it
    Settings(SettingsArgs),
    /// Show what may be taken of each device, or change it while Loadmaster serves
    Budget(BudgetArgs),
    /// Run a program that needs memory: models make room before it starts, and come back when it has ended
    Hold(HoldArgs),
    /// Show what this machine has: CPU, memory, GPUs, backends
    Probe(ProbeArgs),
    /// Show what a GGUF file is, here or at a URL
    Inspect(InspectArgs),
    /// Predict what a model takes of each device, and what would fit
    Estimate(EstimateArgs),
    /// Install, list and keep the builds of servers
    Binaries(BinariesArgs),
    /// Look for what is missing or wrong, and say what to do
    Doctor(DoctorArgs),
    /// Let a running `loadmaster serve` read its configuration again
    Reload(ReloadArgs),
    /// Print a completion script for your shell
    Completions(CompletionsArgs),
}

impl Command {
    /// Where it listens or asks, if it does.
    pub(crate) fn listen(&self) -> ListenArgs {
        let args = match self {
            Self::Serve(serve) => &serve.listen,
            Self::Ps(ps) => &ps.listen,
            Self::Start(start) => &start.listen,
            Self::Plan(plan) => &plan.listen,
            Self::Stop(stop) => &stop.listen,
            Self::Panel(panel) => &panel.listen,
            Self::Reload(reload) => &reload.listen,
            Self::Budget(budget) => &budget.listen,
            Self::Hold(hold) => &hold.listen,
            Self::Logs(logs) => &logs.listen,
            Self::Events(events) => &events.listen,
            Self::Settings(settings) => &settings.listen,
            Self::Doctor(doctor) => &doctor.listen,
            _ => return ListenArgs::default(),
        };
        args.clone()
    }

    /// How it runs servers, if it does.
    pub(crate) fn server(&self) -> ServerArgs {
        match self {
            Self::Run(run) => run.server.clone(),
            Self::Image(image) => image.server.clone(),
            Self::Serve(serve) => serve.server.clone(),
            Self::Estimate(estimate) => estimate.server.clone(),
            Self::Doctor(doctor) => doctor.server.clone(),
            _ => ServerArgs::default(),
        }
    }

    /// Whether it loads again what was loaded before, if it was said.
    pub(crate) fn resume(&self) -> Option<bool> {
        match self {
            Self::Serve(serve) => serve.resume.resume,
            _ => None,
        }
    }

    /// How it reaches servers in the network, if it does.
    pub(crate) fn network(&self) -> NetworkArgs {
        match self {
            Self::Inspect(inspect) => inspect.network.clone(),
            Self::Estimate(estimate) => estimate.network.clone(),
            Self::Pull(pull) => pull.network.clone(),
            Self::Show(show) => show.network.clone(),
            Self::Run(run) => run.network.clone(),
            Self::Serve(serve) => serve.network.clone(),
            Self::Image(image) => image.network.clone(),
            Self::Binaries(binaries) => binaries.command.network(),
            _ => NetworkArgs::default(),
        }
    }

    /// Where builds of servers come from, if it was said.
    pub(crate) fn catalog(&self) -> CatalogArgs {
        match self {
            Self::Run(run) => run.catalog.clone(),
            Self::Serve(serve) => serve.catalog.clone(),
            Self::Image(image) => image.catalog.clone(),
            Self::Doctor(doctor) => doctor.catalog.clone(),
            Self::Binaries(binaries) => binaries.catalog.clone(),
            _ => CatalogArgs::default(),
        }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RunArgs {
    /// The model: a GGUF file, a name of the library, or what `loadmaster pull` takes
    pub(crate) model: PathBuf,
    /// What to ask; without it, a chat begins (or standard input is the prompt, if it is not a terminal)
    pub(crate) prompt: Option<String>,
    /// Instructions that the model gets before the first question
    #[arg(long, value_name = "TEXT")]
    pub(crate) system: Option<String>,
    /// The most tokens of one answer
    #[arg(long, value_name = "N")]
    pub(crate) max_tokens: Option<u32>,
    /// 0 is the same every time, 1 and above is wilder
    #[arg(long, value_name = "T")]
    pub(crate) temperature: Option<f64>,
    /// Seed of the random choice of tokens
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Show machine, plan, and predicted against real memory
    #[arg(long)]
    pub(crate) stats: bool,
    /// Print the answer as one JSON object, with plan, memory and timings
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ServeArgs {
    /// A model to serve beside those of the configuration: a GGUF file, a checkpoint of an image model, or a model
    /// of the library; may be repeated [default: if the configuration names none, the models of the library that
    /// chat or make images]
    #[arg(long = "model", value_name = "FILE|NAME")]
    pub(crate) models: Vec<PathBuf>,
    /// Open the control panel in your browser
    #[arg(long)]
    pub(crate) open: bool,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) resume: ResumeArgs,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ProbeArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct InspectArgs {
    #[arg(value_name = "FILE|NAME|URL", help = FILE_OR_URL)]
    pub(crate) file: PathBuf,
    /// Show all metadata, long arrays cut
    #[arg(long)]
    pub(crate) all: bool,
    /// Show the table of tensors
    #[arg(long)]
    pub(crate) tensors: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct EstimateArgs {
    #[arg(value_name = "FILE|NAME|URL", help = FILE_OR_URL)]
    pub(crate) file: PathBuf,
    /// A GPU to estimate for, instead of this machine's: "CUDA0=24 GiB"; named as llama-server names it; may be
    /// repeated
    #[arg(long = "device", value_name = "ID=AMOUNT", value_parser = device)]
    pub(crate) devices: Vec<(String, Bytes)>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) plan: PlanArgs,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

fn device(text: &str) -> Result<(String, Bytes), String> {
    let (id, amount) = text.split_once('=').ok_or("write it like CUDA0=24 GiB".to_owned())?;
    let id = id.trim();
    if id.is_empty() {
        return Err("the GPU needs a name: write it like CUDA0=24 GiB".to_owned());
    }
    if ["host", "cpu"].iter().any(|host| id.eq_ignore_ascii_case(host)) {
        return Err(format!("{id} is no GPU; --budget \"host=12 GiB\" limits the host"));
    }
    Ok((id.to_owned(), amount.parse()?))
}

fn budget(text: &str) -> Result<(String, Budget), String> {
    let (device, amount) = text.split_once('=').ok_or("write it like host=12 GiB or gpu0=80 %".to_owned())?;
    Ok((device.trim().to_owned(), amount.parse()?))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn flags_become_settings() {
        let line = "loadmaster run m.gguf --ctx 4096 --gpu-layers all --no-mmap --prompt-cache 1MiB \
                    --extra rope-scale=2 --extra no-warmup";
        let Command::Run(run) = Args::parse_from(line.split_whitespace()).command else { panic!("run") };
        let expected = serde_json::json!({
            "context_length": 4096, "gpu_layers": "all", "mmap": false, "prompt_cache": 1_048_576,
            "extra": {"rope-scale": "2", "no-warmup": null},
        });
        assert_eq!(Value::Object(run.load.settings()), expected);
    }

    #[test]
    fn budgets_are_read() {
        let line = ["loadmaster", "serve", "--budget", "host=12 GiB", "--budget", "gpu0=80 %"];
        let budgets = Args::parse_from(line).command.server().budgets;
        assert_eq!(budgets[1], ("gpu0".to_owned(), Budget::Percent(80)));
        assert!(Args::try_parse_from(["loadmaster", "serve", "--budget", "12 GiB"]).is_err());
    }
}
