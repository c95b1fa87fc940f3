//! Commands that look at this machine, at files and at what they would take.

use std::path::PathBuf;

use clap::Args;
use loadmaster_core::Bytes;

use super::{NetworkArgs, PlanArgs, ServerArgs};

/// What `inspect` takes.
const FILE_OR_URL: &str = "The GGUF file, of a split model its first; a model of the library; or an http(s) URL, of which \
                           the header alone is fetched (Hugging Face gets the token HF_TOKEN)";

/// What `estimate` takes beside that.
const OR_REPOSITORY: &str = "The GGUF file, of a split model its first; a model of the library; what `pull` takes, such \
                             as owner/repository:Q4_K_M; or an http(s) URL. Of what is not here the header alone is \
                             fetched (Hugging Face gets the token HF_TOKEN)";

#[derive(Debug, Args)]
pub(crate) struct ProbeArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
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

#[derive(Debug, Args)]
pub(crate) struct EstimateArgs {
    #[arg(value_name = "FILE|NAME|REPO|URL", help = OR_REPOSITORY)]
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
