//! The header of a model that is on a server.

use std::ops::Range;

use loadmaster_checkpoint::{Contents, SafetensorsHeader};
use loadmaster_fetch::{Body, Bytes, Client, FetchError, RemoteFile};
use loadmaster_gguf::{
    Answer, FetchError as HeaderError, GgufError, Header, LooksLike, RangeSource, ReadOptions,
};

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
    /// Length in bytes and `ETag`, where the server says them.
    pub(super) length: Option<u64>,
    pub(super) etag: Option<String>,
}

/// Reads the header of the file at `url`, whatever format it has. `name` is the file's.
pub(super) async fn read(client: &Client, url: &str, name: &str) -> Result<Told, ModelsError> {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    if extension.is_some_and(|extension| extension.eq_ignore_ascii_case("gguf")) {
        return gguf(client, url).await;
    }
    let (mut file, body) = RemoteFile::open(client, url, 0..FIRST).await?;
    let first = start(body, FIRST).await?;
    if first.starts_with(b"GGUF") {
        return gguf(client, url).await;
    }
    let (length, etag) = (file.length(), file.etag().map(str::to_owned));
    let told = |kind, facts| Told { kind, facts, header: None, length, etag };
    match LooksLike::of(&first) {
        LooksLike::Safetensors => {
            let header = safetensors(&mut file, url, first).await?;
            Ok(told(Contents::of(&header).into(), safetensors_facts(&header)))
        }
        LooksLike::Zip | LooksLike::Pickle if is_checkpoint(name.as_ref()) => {
            Ok(told(Kind::Diffusion, Facts { format: Format::Checkpoint, ..Facts::default() }))
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
) -> Result<SafetensorsHeader, ModelsError> {
    let wrong = |source| ModelsError::Safetensors { what: loadmaster_fetch::without_secrets(url), source };
    let needed = SafetensorsHeader::needs(&first, file.length()).map_err(wrong)?;
    let mut bytes = first;
    if needed > bytes.len() as u64 {
        bytes.extend(file.read(bytes.len() as u64..needed).await?);
    }
    SafetensorsHeader::parse(&bytes, file.length()).map_err(wrong)
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
    let (header, file) = gguf_header(client, url).await?;
    let (kind, facts) = of_gguf(&header);
    let length = file.as_ref().and_then(RemoteFile::length);
    let etag = file.as_ref().and_then(RemoteFile::etag).map(str::to_owned);
    Ok(Told { kind, facts, header: Some(header), length, etag })
}

/// Reads the header of a GGUF file.
pub(super) async fn gguf_header(
    client: &Client,
    url: &str,
) -> Result<(Header, Option<RemoteFile>), ModelsError> {
    let mut source = OnServer { client, url, open: None };
    let header = Header::fetch(&mut source, ReadOptions::default()).await.map_err(|error| match error {
        HeaderError::Source(error) => ModelsError::Fetch(error),
        HeaderError::Header(source) => gguf_failed(url, source),
        other => {
            ModelsError::BadAnswer { url: loadmaster_fetch::without_secrets(url), cause: other.to_string() }
        }
    })?;
    Ok((header, source.open.map(|(file, _)| file)))
}

/// What is wrong with a GGUF header on a server.
pub(super) fn gguf_failed(url: &str, source: GgufError) -> ModelsError {
    ModelsError::Gguf { what: loadmaster_fetch::without_secrets(url), source }
}

/// A file on a server as the reader of headers wants it.
struct OnServer<'a> {
    client: &'a Client,
    url: &'a str,
    open: Option<(RemoteFile, Body)>,
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
        match &mut self.open {
            Some((_, body)) => body.chunk().await,
            None => Ok(None),
        }
    }
}
