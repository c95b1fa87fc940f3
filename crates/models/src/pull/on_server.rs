//! The beginning of a file on a server, for the reader of headers.

use std::ops::Range;

use loadmaster_fetch::{Body, Bytes, Client, FetchError, RemoteFile};
use loadmaster_gguf::{Answer, RangeSource};

/// A file on a server as [`loadmaster_gguf::Header::fetch`] wants it, and what was read of it.
///
/// The file is opened by the first request, and one connection serves the further ones.
#[derive(Debug)]
pub struct OnServer<'a> {
    client: &'a Client,
    url: &'a str,
    open: Option<(RemoteFile, Body)>,
    start: Vec<u8>,
}

impl<'a> OnServer<'a> {
    /// The file at `url`, of which nothing was asked yet.
    #[must_use]
    pub fn new(client: &'a Client, url: &'a str) -> Self {
        Self { client, url, open: None, start: Vec::new() }
    }

    /// What was read of the file's beginning without a gap, in bytes.
    #[must_use]
    pub fn start(&self) -> &[u8] {
        &self.start
    }

    /// The file, and what was read of its beginning without a gap; `None` if it was never opened.
    #[must_use]
    pub fn into_read(self) -> Option<(RemoteFile, Vec<u8>)> {
        self.open.map(|(file, _)| (file, self.start))
    }
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
