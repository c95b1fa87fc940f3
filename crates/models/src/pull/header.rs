//! The header of a model that is on a server.

use loadmaster_checkpoint::{Contents, SafetensorsHeader};
use loadmaster_fetch::{Body, Client, FetchError, RemoteFile};
use loadmaster_gguf::{FetchError as HeaderError, GgufError, Header, LooksLike, ReadOptions};

use super::{head::Head, on_server::OnServer};
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
    let mut source = OnServer::new(client, url);
    let header = Header::fetch(&mut source, ReadOptions::default()).await.map_err(|error| match error {
        HeaderError::Source(error) => ModelsError::Fetch(error),
        HeaderError::Header(source) => gguf_failed(url, source),
        other => {
            ModelsError::BadAnswer { url: loadmaster_fetch::without_secrets(url), cause: other.to_string() }
        }
    })?;
    Ok((header, source.into_read().map(|(file, start)| Head::new(file, start))))
}

/// What is wrong with a GGUF header on a server.
pub(super) fn gguf_failed(url: &str, source: GgufError) -> ModelsError {
    ModelsError::Gguf { what: loadmaster_fetch::without_secrets(url), source }
}
