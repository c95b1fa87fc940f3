//! A header over the network, through a client that the caller brings.

use std::ops::Range;

use crate::{
    error::GgufError,
    header::Header,
    options::ReadOptions,
    stream::{HeaderStream, Progress},
};

/// How often an answer may end early before the source is given up. Each time the rest is asked for.
const MOST_CUTS: u32 = 3;

/// Something that gives ranges of a file: an HTTP client with an URL.
///
/// With a client such as reqwest, [`RangeSource::request`] sends `Range: bytes=start-(end - 1)`, fails
/// on an error status other than 416, and keeps the response; [`RangeSource::chunk`] gives its body
/// piece by piece. The reader drops a body that has more than it needs, so a server that ignores
/// ranges and sends the whole file is read up to the end of the header, not further.
pub trait RangeSource {
    /// What can go wrong in the source.
    type Error: std::error::Error + Send + Sync + 'static;
    /// A piece of a body, as the client gives it.
    type Chunk: AsRef<[u8]> + Send;

    /// Asks for these bytes. The body of an earlier answer is not needed any more.
    fn request(&mut self, range: Range<u64>) -> impl Future<Output = Result<Answer, Self::Error>> + Send;

    /// The next piece of the body of the last answer; `None` at its end.
    fn chunk(&mut self) -> impl Future<Output = Result<Option<Self::Chunk>, Self::Error>> + Send;
}

/// What a source says before the body of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Offset in the file of the first byte of the body: the start in `Content-Range` of a 206, and 0
    /// of a 200, where the server ignored the range. Of a 416 (nothing there) whatever was asked.
    pub first: u64,
    /// Length of the whole file in bytes, where the server says it: the part of `Content-Range` after
    /// the slash, or `Content-Length` of a 200.
    pub total: Option<u64>,
}

/// Why a header could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError<E: std::error::Error + 'static> {
    /// The source failed.
    #[error("the server could not be read: {0}")]
    Source(#[source] E),
    /// What the server sent is not a usable header.
    #[error(transparent)]
    Header(#[from] GgufError),
    /// The server answered with bytes beyond those that were asked for.
    #[error("the server sent bytes from {first} on, {wanted} was asked for")]
    WrongRange {
        /// The first byte that was asked for.
        wanted: u64,
        /// The first byte that came.
        first: u64,
    },
    /// Two answers give different lengths of the file.
    #[error("the file changed while it was read: it had {before} bytes, then {after}")]
    Changed {
        /// The length that was said first.
        before: u64,
        /// The length that was said later.
        after: u64,
    },
    /// The server ends its answers early, again and again.
    #[error("the server stopped sending after {received} bytes of {wanted} that are needed")]
    Cut {
        /// Bytes that came, from the start of the file.
        received: u64,
        /// Bytes that the header takes at least.
        wanted: u64,
    },
}

impl<E: std::error::Error + 'static> FetchError<E> {
    /// What the user can do, as one sentence.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Header(error) => error.remedy(),
            Self::Source(_) | Self::Cut { .. } => {
                "Check the address and the network connection, then try again."
            }
            Self::WrongRange { .. } => "Download the file as a whole and name the copy.",
            Self::Changed { .. } => "Try again; the file may have been replaced just now.",
        }
    }
}

impl Header {
    /// Reads the header of a file that a server has, with few requests and little more than the
    /// header's own bytes. See [`HeaderStream`] to do the same without a future.
    pub async fn fetch<S: RangeSource + Send>(
        source: &mut S,
        options: ReadOptions,
    ) -> Result<Self, FetchError<S::Error>> {
        let mut stream = HeaderStream::new(options);
        let mut total = None;
        let mut cuts = 0;
        loop {
            let wanted = stream.wants();
            if wanted.is_empty() {
                return Ok(stream.end()?);
            }
            let answer = source.request(wanted.clone()).await.map_err(FetchError::Source)?;
            check(answer, wanted.start, total)?;
            if let Some(length) = answer.total {
                total = Some(length);
                stream = stream.with_total(length);
            }
            stream = match body(source, stream, wanted.start - answer.first).await? {
                Progress::Complete(header) => return Ok(*header),
                Progress::NeedMore(stream) => stream,
            };
            let received = stream.received();
            let ended = received == wanted.start && total.is_none();
            if ended {
                return Ok(stream.end()?);
            }
            if received < wanted.end.min(total.unwrap_or(u64::MAX)) {
                cuts += 1;
                if cuts > MOST_CUTS {
                    return given_up(stream, wanted.end);
                }
            }
        }
    }
}

/// The header may be whole even so: of a small file whose length the server says too long.
fn given_up<E: std::error::Error>(stream: HeaderStream, wanted: u64) -> Result<Header, FetchError<E>> {
    let received = stream.received();
    match stream.end() {
        Ok(header) => Ok(header),
        Err(GgufError::TruncatedHeader { needed, .. }) => Err(FetchError::Cut { received, wanted: needed }),
        Err(_) if received == 0 => Err(FetchError::Cut { received, wanted }),
        Err(error) => Err(error.into()),
    }
}

/// Feeds the body of an answer, less the first `known` bytes, until it or the header ends.
async fn body<S: RangeSource>(
    source: &mut S,
    mut stream: HeaderStream,
    mut known: u64,
) -> Result<Progress, FetchError<S::Error>> {
    while let Some(chunk) = source.chunk().await.map_err(FetchError::Source)? {
        let bytes = chunk.as_ref();
        let skipped = usize::try_from(known).map_or(bytes.len(), |known| known.min(bytes.len()));
        known -= skipped as u64;
        match stream.feed(&bytes[skipped..])? {
            Progress::NeedMore(next) => stream = next,
            complete @ Progress::Complete(_) => return Ok(complete),
        }
    }
    Ok(Progress::NeedMore(stream))
}

/// An answer may begin early, not late; and the length of the file must stay what it was.
fn check<E: std::error::Error>(answer: Answer, wanted: u64, total: Option<u64>) -> Result<(), FetchError<E>> {
    if answer.first > wanted {
        let first = answer.first;
        return Err(FetchError::WrongRange { wanted, first });
    }
    match (total, answer.total) {
        (Some(before), Some(after)) if before != after => Err(FetchError::Changed { before, after }),
        _ => Ok(()),
    }
}
