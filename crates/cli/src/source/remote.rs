//! The headers of a model on a server.

use std::{fs, io, ops::Range, path::PathBuf, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::ProgressBar;
use loadmaster_core::Bytes;
use loadmaster_fetch::{Client, Credential, FetchError, Options, without_secrets};
use loadmaster_gguf::{
    Answer, FetchError as HeaderError, GgufError, Header, LooksLike, RangeSource, ReadOptions, shard_names,
};
use loadmaster_models::OnServer;
use tempfile::TempDir;

use crate::{Failed, config::Network};

/// Files of a split model that are asked for at once.
const AT_ONCE: usize = 4;

/// How to be let in by Hugging Face.
const TOKEN_HELP: &str = "Accept the model's terms on its page, if it has any, make a token at \
                          https://huggingface.co/settings/tokens, and set HF_TOKEN to it.";

/// A model on a server, of which the headers were fetched.
pub(super) struct Remote {
    url: String,
    /// Its files in order, and which of them was named.
    parts: Vec<Part>,
    named: usize,
}

/// One file of the model.
struct Part {
    name: String,
    header: Header,
    /// The beginning of the file, at least up to the end of its header.
    start: Vec<u8>,
}

impl Remote {
    /// Fetches the header at `url` and, if that file is a part of a model, those of the other parts.
    pub(super) async fn fetch(url: &str, options: ReadOptions, network: &Network) -> Result<Self, Failed> {
        let client = client(network)?;
        let progress = ProgressBar::new_spinner().with_message("connecting");
        progress.enable_steady_tick(Duration::from_millis(100));
        let fetched = Self::parts(url, options, &client, &progress).await;
        progress.finish_and_clear();
        let (parts, named) = fetched?;
        Ok(Self { url: url.to_owned(), parts, named })
    }

    async fn parts(
        url: &str,
        options: ReadOptions,
        client: &Client,
        progress: &ProgressBar,
    ) -> Result<(Vec<Part>, usize), Failed> {
        let first = part(url, options, client, progress).await?;
        let Some(shard) = first.header.shard() else { return Ok((vec![first], 0)) };
        let names = shard_names(&first.name)
            .filter(|names| names.len() as u64 == shard.count)
            .ok_or_else(|| unusable(url, &GgufError::ShardName { path: url.into(), count: shard.count }))?;
        let place = names.iter().position(|name| *name == first.name).unwrap_or_default();
        let others =
            names.iter().filter(|name| **name != first.name).map(|name| sibling(url, &first.name, name));
        let others: Vec<String> = others.collect();
        let fetched = others.iter().map(|url| part(url, options, client, progress));
        let mut parts: Vec<Part> = stream::iter(fetched).buffered(AT_ONCE).try_collect().await?;
        parts.insert(place, first);
        Ok((parts, place))
    }

    /// The header of the model as a whole.
    pub(super) fn header(self) -> Result<Header, Failed> {
        let Self { url, parts, .. } = self;
        let mut headers: Vec<Header> = parts.into_iter().map(|part| part.header).collect();
        match headers.pop() {
            Some(whole) if headers.is_empty() && whole.shard().is_none() => Ok(whole),
            last => {
                headers.extend(last);
                Header::merged(headers).map_err(|error| unusable(&url, &error))
            }
        }
    }

    /// Writes what was fetched into a folder of its own; returns the file that was named, and the folder.
    pub(super) fn save(&self) -> Result<(PathBuf, TempDir), Failed> {
        let folder = super::folder_of_headers()?;
        for part in &self.parts {
            fs::write(folder.path().join(&part.name), &part.start).map_err(|error| super::unkept(&error))?;
        }
        Ok((folder.path().join(&self.parts[self.named].name), folder))
    }
}

/// The client for all files of a model. The token is for the hub alone: no other server sees it.
pub(crate) fn client(network: &Network) -> Result<Client, Failed> {
    let certificates = match &network.ca_file {
        Some(path) => Some(fs::read(path).map_err(|error| {
            let cause = format!("The certificates {} cannot be read: {error}", path.display());
            let failed =
                if error.kind() == io::ErrorKind::NotFound { Failed::not_found } else { Failed::because };
            failed(cause).remedy("Correct --ca-file, LOADMASTER_CA_FILE or ca_file of the configuration.")
        })?),
        None => None,
    };
    let hub = Credential::new(&network.hub, network.hub_token.clone(), TOKEN_HELP).map_err(|error| {
        let variable = if matches!(error, FetchError::BadToken { .. }) { "HF_TOKEN" } else { "HF_ENDPOINT" };
        Failed::usage(format!("{variable} is wrong: {error}")).remedy("Correct it, or unset it.")
    })?;
    let options = Options {
        user_agent: concat!("loadmaster/", env!("CARGO_PKG_VERSION")).to_owned(),
        certificates,
        credentials: vec![hub],
        stall_timeout: network.stall_timeout,
        ..Options::default()
    };
    Client::new(options).map_err(|error| failed(&error))
}

/// Fetches one header.
async fn part(
    url: &str,
    options: ReadOptions,
    client: &Client,
    progress: &ProgressBar,
) -> Result<Part, Failed> {
    let name = file_name(url);
    let mut file = Shown { file: OnServer::new(client, url), progress, name: &name };
    let header = Header::fetch(&mut file, options).await.map_err(|error| match error {
        HeaderError::Source(error) => failed(&error),
        HeaderError::Header(error) => unusable(url, &error),
        other => Failed::because(format!("{}: {other}", without_secrets(url))).remedy(other.remedy()),
    })?;
    let start = file.file.into_read().map_or_else(Vec::new, |(_, start)| start);
    Ok(Part { name, header, start })
}

/// A file on a server that shows how much of it was read.
struct Shown<'a> {
    file: OnServer<'a>,
    progress: &'a ProgressBar,
    name: &'a str,
}

impl RangeSource for Shown<'_> {
    type Error = FetchError;
    type Chunk = loadmaster_fetch::Bytes;

    async fn request(&mut self, range: Range<u64>) -> Result<Answer, FetchError> {
        self.file.request(range).await
    }

    async fn chunk(&mut self) -> Result<Option<loadmaster_fetch::Bytes>, FetchError> {
        let chunk = self.file.chunk().await?;
        let read = Bytes(self.file.start().len() as u64);
        self.progress.set_message(format!("reading the header of {}: {read}", self.name));
        Ok(chunk)
    }
}

/// The last part of an address, as the name of a file.
fn file_name(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    // A server's word must not lead out of the folder that it is written to.
    let safe = !name.is_empty() && !name.starts_with('.') && !name.contains(['\\', ':', '\0']);
    if safe { name.to_owned() } else { "model.gguf".to_owned() }
}

/// The address of the file `name` beside the file `first` at `url`.
fn sibling(url: &str, first: &str, name: &str) -> String {
    let (path, query) = url.split_at(url.find(['?', '#']).unwrap_or(url.len()));
    format!("{}{name}{query}", path.strip_suffix(first).unwrap_or(path))
}

/// A file that could not be fetched.
pub(crate) fn failed(error: &FetchError) -> Failed {
    use FetchError::{BadCertificates, BadRedirect, Cut, NoTls, NotFound};
    let mut cause = error.to_string();
    // The others begin with a name.
    if matches!(
        error,
        BadCertificates { .. } | BadRedirect { .. } | Cut { .. } | NoTls { .. } | NotFound { .. }
    ) {
        cause[..1].make_ascii_uppercase();
    }
    let failed = match error {
        NotFound { .. } => Failed::not_found(cause),
        FetchError::BadUrl { .. } => Failed::usage(cause),
        _ => Failed::because(cause),
    };
    failed.remedy(match error {
        FetchError::Untrusted { .. } => format!("{} Its name goes to --ca-file.", error.remedy()),
        _ => error.remedy(),
    })
}

/// A file that was fetched and is no header.
pub(super) fn unusable(url: &str, error: &GgufError) -> Failed {
    use LooksLike::{Empty, Html, Json, PlainText, Zeros};
    let remedy = match error {
        GgufError::NotGguf { looks_like: Html | Json | PlainText } => {
            "Name the address of the file itself. On Hugging Face it has /resolve/ where that of its page has /blob/."
        }
        GgufError::NotGguf { looks_like: Empty | Zeros }
        | GgufError::TruncatedHeader { .. }
        | GgufError::TensorDataMissing { .. }
        | GgufError::TruncatedData { .. } => {
            "The file on the server is incomplete, or the server says a wrong length: look for another copy."
        }
        other => other.remedy(),
    };
    let cause = error.cause();
    Failed::because(format!("{} cannot be used: {cause}", without_secrets(url))).remedy(remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_after_their_address() {
        assert_eq!(file_name("https://host/a/b.gguf?download=true#x/y"), "b.gguf");
        for odd in ["https://host/", "https://host/..", "https://host/a\\..\\b.gguf", "https://host/c:d"] {
            assert_eq!(file_name(odd), "model.gguf", "{odd}");
        }
    }

    #[test]
    fn siblings_keep_folder_and_query() {
        let url = "https://host/a-00001-of-00002.gguf/a-00001-of-00002.gguf?download=true";
        assert_eq!(
            sibling(url, "a-00001-of-00002.gguf", "a-00002-of-00002.gguf"),
            "https://host/a-00001-of-00002.gguf/a-00002-of-00002.gguf?download=true"
        );
    }
}
