//! What the command understands.

mod builds;
mod following;
mod hold;
mod image;
mod library;
mod load;
mod looking;
mod network;
mod panel;
mod reload;
mod running;
mod servers;
mod serving;
mod watching;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, builder::styling};

pub(crate) use self::{
    builds::{
        BinariesArgs, BinariesCommand, CatalogArgs, DoctorArgs, InstallArgs, ListBuildsArgs, PruneArgs,
        SourceArg, VerifyBuildsArgs,
    },
    following::EventsArgs,
    hold::{BudgetArgs, HoldArgs},
    image::ImageArgs,
    library::{GcArgs, ImportArgs, ListArgs, PullArgs, RmArgs, ShowArgs, VerifyArgs},
    load::{ImageLoadArgs, LanguageLoadArgs, LoadArgs, PlanArgs},
    looking::{EstimateArgs, InspectArgs, ProbeArgs},
    network::NetworkArgs,
    panel::PanelArgs,
    reload::{ReloadArgs, ResumeArgs},
    running::{ListenArgs, PlanOfArgs, PsArgs, StartArgs, StopArgs},
    servers::ServerArgs,
    serving::{RunArgs, ServeArgs},
    watching::{LogsArgs, SettingsArgs, TopArgs},
};

const STYLES: styling::Styles = styling::Styles::styled()
    .header(styling::AnsiColor::Green.on_default().bold())
    .usage(styling::AnsiColor::Green.on_default().bold())
    .literal(styling::AnsiColor::Cyan.on_default().bold())
    .placeholder(styling::AnsiColor::Cyan.on_default());

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not enough memory, 4 not found, \
                          130 interrupted.";

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
    /// Watch memory, models and work of a running `loadmaster serve`
    Top(TopArgs),
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
            Self::Top(top) => &top.listen,
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
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
