//! What the commands of the library understand.

use std::path::PathBuf;

use clap::Args;
use loadmaster_models::{How, ModelName, Origin, Role, Strategy};

use super::NetworkArgs;

/// What `pull` takes.
const REFERENCE: &str = "The model: owner/repo, which picks what fits this machine, owner/repo:Q4_K_M, \
                         owner/repo:file.gguf, a short name such as llama-3.2-1b, or a URL";

#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    #[arg(value_name = "REF", help = REFERENCE)]
    pub(crate) reference: String,
    /// What to call it [default: its short name, or as its file]
    #[arg(long, value_parser = model_name)]
    pub(crate) name: Option<ModelName>,
    /// Pull it even if it does not fit this machine
    #[arg(long)]
    pub(crate) anyway: bool,
    /// Print the model's manifest as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}

/// `ROLE=FILE`.
fn component(text: &str) -> Result<(Role, PathBuf), String> {
    let known = || Role::ALL.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ");
    let (role, file) = text.split_once('=').ok_or("it is written ROLE=FILE")?;
    let role = role.parse().map_err(|_| format!("there is no role '{role}'; there is {}", known()))?;
    Ok((role, file.into()))
}

fn model_name(text: &str) -> Result<ModelName, String> {
    ModelName::new(text).map_err(|error| error.to_string())
}

/// A program whose models are taken over.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum FromProgram {
    Ollama,
    Lmstudio,
    Huggingface,
}

impl FromProgram {
    pub(crate) fn origin(self) -> Origin {
        match self {
            Self::Ollama => Origin::Ollama,
            Self::Lmstudio => Origin::LmStudio,
            Self::Huggingface => Origin::HuggingFace,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The model's file; with --from, the model's name there
    #[arg(value_name = "FILE|NAME", required_unless_present = "from")]
    pub(crate) model: Option<PathBuf>,
    /// Take it from this program's folders, where it stays; without NAME, list what is there
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) from: Option<FromProgram>,
    /// What to call it [default: as its file, or as it is called there]
    #[arg(long, value_parser = model_name)]
    pub(crate) name: Option<ModelName>,
    /// Another file that it needs, by what it is to the model: mmproj, draft, lora, vae, ...; may be repeated
    #[arg(long = "component", value_name = "ROLE=FILE", value_parser = component)]
    pub(crate) components: Vec<(Role, PathBuf)>,
    #[command(flatten)]
    how: HowArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How files come into the library; one at most.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct HowArgs {
    /// Leave the file where it is and refer to it
    #[arg(long)]
    reference: bool,
    /// Give the file a second name, which takes no room; on the same disk alone
    #[arg(long)]
    hard_link: bool,
    /// Copy the file [default, but for --from]
    #[arg(long)]
    copy: bool,
}

impl ImportArgs {
    /// How files come into the library.
    pub(crate) fn how(&self) -> How {
        match (self.how.reference, self.how.hard_link, self.how.copy) {
            (true, ..) => How::Reference,
            (_, true, _) => How::HardLink,
            (_, _, true) => How::Copy,
            // What belongs to another program is not copied unless that was asked for.
            _ if self.from.is_some() => How::Reference,
            _ => How::Copy,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The model's name, as `loadmaster list` shows it
    pub(crate) model: String,
    /// Read what its header says again, and keep that: from its files, or from where they came from; of two,
    /// the second where the first fails
    #[arg(long, value_name = "FROM")]
    pub(crate) metadata: Option<MetadataFrom>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}

/// Where a header is read from.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum MetadataFrom {
    LocalRemote,
    LocalOnly,
    RemoteOnly,
    RemoteLocal,
}

impl MetadataFrom {
    pub(crate) fn strategy(self) -> Strategy {
        match self {
            Self::LocalRemote => Strategy::LocalRemote,
            Self::LocalOnly => Strategy::LocalOnly,
            Self::RemoteOnly => Strategy::RemoteOnly,
            Self::RemoteLocal => Strategy::RemoteLocal,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The models' names, as `loadmaster list` shows them [default: all]
    #[arg(value_name = "MODEL")]
    pub(crate) models: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// The model's name, as `loadmaster list` shows it
    pub(crate) model: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// Only tell what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Remove pulls that are not finished too, however young they are
    #[arg(long)]
    pub(crate) unfinished: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
