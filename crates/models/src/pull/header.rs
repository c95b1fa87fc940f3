//! The header of a model that is on a server.

use std::ops::Range;

use loadmaster_checkpoint::{Contents, SafetensorsHeader};
use loadmaster_fetch::{Body, Bytes, Client, FetchError, RemoteFile};
use loadmaster_gguf::{
    Answer, FetchError as HeaderError, GgufError, Header, LooksLike, RangeSource, ReadOptions,
};

use super::head::Head;
use crate::{
    error::ModelsError,
    inspect::{is_checkpoint, of_gguf, safetensors_facts},
    manifest::{Facts, Format, Kind},
};

/// Bytes that tell what a file is.
const FIRST: u64 = 512;

/// What a file on a server says of itself.
pub(super) struct Told {
    pub(super) kind: Kind,
    pub(super) facts: Facts,
    /// Of a GGUF file.
    pub(super) header: Option<Header>,
    /// What was read of it, and then of the other files of a split model, in order.
    pub(super) heads: Vec<Head>,
}

/// Reads the header of the file at `url`, whatever format it has. `name` is the file's.
pub(super) async fn read(client: &Client, url: &str, name: &str) -> Result<Told, ModelsError> {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    if extension.is_some_and(|extension| extension.eq_ignore_ascii_case("gguf")) {
        return gguf(client, url).await;
    }
    let (file, body) = RemoteFile::open(client, url, 0..FIRST).await?;
    let first = start(body, FIRST).await?;
    if first.starts_with(b"GGUF") {
        return gguf(client, url).await;
    }
    let told = |kind, facts, start| {
        let heads = vec![Head::new(file.clone(), start)];
        Told { kind, facts, header: None, heads }
    };
    match LooksLike::of(&first) {
        LooksLike::Safetensors => {
            let (header, start) = safetensors(&mut file.clone(), url, first).await?;
            Ok(told(Contents::of(&header).into(), safetensors_facts(&header), start))
        }
        LooksLike::Zip | LooksLike::Pickle if is_checkpoint(name.as_ref()) => {
            Ok(told(Kind::Diffusion, Facts { format: Format::Checkpoint, ..Facts::default() }, first))
        }
        other => {
            let path = loadmaster_fetch::without_secrets(url).into();
            Err(ModelsError::NotAModel { path, cause: other.to_string() })
        }
    }
}

async fn safetensors(
    file: &mut RemoteFile,
    url: &str,
    first: Vec<u8>,
) -> Result<(SafetensorsHeader, Vec<u8>), ModelsError> {
    let wrong = |source| ModelsError::Safetensors { what: loadmaster_fetch::without_secrets(url), source };
    let needed = SafetensorsHeader::needs(&first, file.length()).map_err(wrong)?;
    let mut bytes = first;
    if needed > bytes.len() as u64 {
        bytes.extend(file.read(bytes.len() as u64..needed).await?);
    }
    let header = SafetensorsHeader::parse(&bytes, file.length()).map_err(wrong)?;
    Ok((header, bytes))
}

/// The first bytes of a body, at most so many.
async fn start(mut body: Body, most: u64) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < most
        && let Some(chunk) = body.chunk().await?
    {
        bytes.extend_from_slice(&chunk);
    }
    bytes.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    Ok(bytes)
}

async fn gguf(client: &Client, url: &str) -> Result<Told, ModelsError> {
    let (header, head) = gguf_header(client, url).await?;
    let (kind, facts) = of_gguf(&header);
    Ok(Told { kind, facts, header: Some(header), heads: head.into_iter().collect() })
}

/// Reads the header of a GGUF file.
pub(super) async fn gguf_header(client: &Client, url: &str) -> Result<(Header, Option<Head>), ModelsError> {
    let mut source = OnServer { client, url, open: None, start: Vec::new() };
    let header = Header::fetch(&mut source, ReadOptions::default()).await.map_err(|error| match error {
        HeaderError::Source(error) => ModelsError::Fetch(error),
        HeaderError::Header(source) => gguf_failed(url, source),
        other => {
            ModelsError::BadAnswer { url: loadmaster_fetch::without_secrets(url), cause: other.to_string() }
        }
    })?;
    let OnServer { open, start, .. } = source;
    Ok((header, open.map(|(file, _)| Head::new(file, start))))
}

/// What is wrong with a GGUF header on a server.
pub(super) fn gguf_failed(url: &str, source: GgufError) -> ModelsError {
    ModelsError::Gguf { what: loadmaster_fetch::without_secrets(url), source }
}

/// A file on a server as the reader of headers wants it, and what was read of it.
struct OnServer<'a> {
    client: &'a Client,
    url: &'a str,
    open: Option<(RemoteFile, Body)>,
    start: Vec<u8>,
}

impl RangeSource for OnServer<'_> {
    type Error = FetchError;
    type Chunk = Bytes;

    async fn request(&mut self, range: Range<u64>) -> Result<Answer, FetchError> {
        let (file, body) = match self.open.take() {
            Some((mut file, _)) => {
                let body = file.stream(range).await?;
                (file, body)
            }
            None => RemoteFile::open(self.client, self.url, range).await?,
        };
        let answer = Answer { first: body.position(), total: file.length() };
        self.open = Some((file, body));
        Ok(answer)
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, FetchError> {
        let Some((_, body)) = &mut self.open else { return Ok(None) };
        let chunk = body.chunk().await?;
        let position = body.position();
        if let Some(chunk) = &chunk {
            keep(&mut self.start, position - chunk.len() as u64, chunk);
        }
        Ok(chunk)
    }
}

/// Adds to `start` what of `bytes`, which begin at the offset `first`, follows it.
fn keep(start: &mut Vec<u8>, first: u64, bytes: &[u8]) {
    let known = (start.len() as u64).checked_sub(first).and_then(|known| usize::try_from(known).ok());
    start.extend_from_slice(known.and_then(|known| bytes.get(known..)).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_follows_is_kept() {
        let mut start = Vec::new();
        for (first, bytes) in [(0, "abc"), (2, "cd"), (0, "ab"), (9, "x"), (4, "e")] {
            keep(&mut start, first, bytes.as_bytes());
        }
        assert_eq!(start, b"abcde");
    }
}
