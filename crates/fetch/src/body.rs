//! The bytes of an answer, taken up again where a connection breaks.

use std::ops::Range;

use bytes::Bytes;
use reqwest::Response;

use crate::{error::FetchError, file::RemoteFile, served::Served};

/// A body that is on its way. Dropping it ends the transfer.
#[derive(Debug)]
pub struct Body {
    file: RemoteFile,
    asked: Range<u64>,
    response: Response,
    /// Offset in the file of the next byte.
    position: u64,
    /// Bytes of the answer that are known from the one before it.
    known: u64,
    /// Offset behind the last byte that was promised.
    promised: Option<u64>,
    tries: u32,
}

impl Body {
    pub(crate) fn new(file: RemoteFile, asked: Range<u64>, response: Response, served: Served) -> Self {
        let Served { first, end, .. } = served;
        let promised =
            if response.status() == reqwest::StatusCode::RANGE_NOT_SATISFIABLE { Some(first) } else { end };
        Self { file, asked, response, position: first, known: 0, promised, tries: 0 }
    }

    /// Offset in the file of the next byte: at first where the body begins. That is the start of the
    /// range that was asked for, or earlier: a server without ranges begins at 0.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next bytes; `None` at the end of the body.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, FetchError> {
        loop {
            if self.promised.is_some_and(|end| self.position >= end) {
                return Ok(None);
            }
            let cut = match self.response.chunk().await {
                Ok(Some(bytes)) => match self.unknown(bytes) {
                    bytes if bytes.is_empty() => continue,
                    bytes => return Ok(Some(bytes)),
                },
                Ok(None) if self.promised.is_none() => return Ok(None),
                Ok(None) => self.cut(),
                Err(error) => match self.file.client().broken(&error, self.file.place()) {
                    FetchError::Cut { .. } => self.cut(),
                    other => return Err(other),
                },
            };
            self.resume(cut).await?;
        }
    }

    /// What is new of these bytes.
    fn unknown(&mut self, mut bytes: Bytes) -> Bytes {
        let known = usize::try_from(self.known).map_or(bytes.len(), |known| known.min(bytes.len()));
        self.known -= known as u64;
        let bytes = bytes.split_off(known);
        self.position += bytes.len() as u64;
        bytes
    }

    fn cut(&self) -> FetchError {
        FetchError::Cut { url: self.file.url(), received: self.position, expected: self.promised }
    }

    /// Asks for the rest of what was promised.
    async fn resume(&mut self, cut: FetchError) -> Result<(), FetchError> {
        if self.tries >= self.file.client().retries() {
            return Err(cut);
        }
        self.file.pause(self.tries).await;
        self.tries += 1;
        let end = self.promised.unwrap_or(self.asked.end).max(self.position + 1);
        let (response, served) = self.file.request(&(self.position..end)).await?;
        if served.end.is_some_and(|end| end <= self.position) {
            return Err(cut);
        }
        self.known = self.position.saturating_sub(served.first);
        self.promised = served.end.or(self.promised);
        self.response = response;
        Ok(())
    }
}
