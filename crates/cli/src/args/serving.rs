//! What `loadmaster run` and `loadmaster serve` understand.

use std::path::PathBuf;

use clap::Args;

use super::{CatalogArgs, LanguageLoadArgs, ListenArgs, LoadArgs, NetworkArgs, ResumeArgs, ServerArgs};

#[derive(Debug, Args)]
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
    pub(crate) load: LanguageLoadArgs,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
}

#[derive(Debug, Args)]
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
