//! A header in pieces, without input or output of its own: any client fits, blocking or not.

use std::{fmt, ops::Range};

use crate::{
    error::GgufError,
    forecast,
    header::Header,
    options::ReadOptions,
    parser::{Parser, Step},
};

/// The first request, in bytes: a header without a vocabulary mostly fits.
const FIRST_WINDOW: u64 = 64 * 1024;

/// Reads a header from bytes as they arrive, and says which bytes it wants next.
///
/// It asks for few ranges and for little more than the header: the first range is 64 KiB, later ones
/// end where the header is expected to end by what was read of it. It never wants more than twice
/// what is certain to be header.
///
/// ```
/// use std::io::{Read, Seek, SeekFrom};
///
/// use loadmaster_gguf::{GgufError, Header, HeaderStream, Progress, ReadOptions};
///
/// /// `file` stands for anything that can read ranges; an HTTP client sends `bytes=start-(end - 1)`.
/// fn header(file: &mut (impl Read + Seek), length: u64) -> Result<Header, GgufError> {
///     let mut stream = HeaderStream::new(ReadOptions::default()).with_total(length);
///     loop {
///         let wanted = stream.wants();
///         let mut bytes = vec![0; usize::try_from(wanted.end - wanted.start).unwrap_or(0)];
///         file.seek(SeekFrom::Start(wanted.start)).unwrap();
///         let got = file.read(&mut bytes).unwrap();
///         if got == 0 {
///             return stream.end();
///         }
///         match stream.feed(&bytes[..got])? {
///             Progress::Complete(header) => return Ok(*header),
///             Progress::NeedMore(next) => stream = next,
///         }
///     }
/// }
/// # let empty = header(&mut std::io::Cursor::new(b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), 24);
/// # assert!(empty.unwrap().tensors().is_empty());
/// ```
pub struct HeaderStream {
    parser: Parser,
    received: Vec<u8>,
    /// Parsing goes on once so many bytes are there.
    target: u64,
    total: Option<u64>,
}

/// What feeding a [`HeaderStream`] gave.
#[derive(Debug)]
pub enum Progress {
    /// The header goes on: feed the stream with what it wants next.
    NeedMore(HeaderStream),
    /// The whole header. Nothing more need be read.
    Complete(Box<Header>),
}

impl HeaderStream {
    /// A stream that has received nothing.
    #[must_use]
    pub fn new(options: ReadOptions) -> Self {
        Self { parser: Parser::new(options), received: Vec::new(), target: FIRST_WINDOW, total: None }
    }

    /// Says how long the whole file is, in bytes, once that is known. A header that does not fit is
    /// then refused as soon as that shows.
    #[must_use]
    pub fn with_total(mut self, bytes: u64) -> Self {
        self.total = Some(bytes);
        self
    }

    /// Sets how much is wanted first, in bytes, in place of 64 KiB.
    #[must_use]
    pub fn with_first_window(mut self, bytes: u64) -> Self {
        self.target = bytes.max(1);
        self
    }

    /// The bytes to read next, counted from the start of the file; fewer or more may be fed. Empty if
    /// all of the file was fed and its header is not whole: call [`HeaderStream::end`] then.
    #[must_use]
    pub fn wants(&self) -> Range<u64> {
        let start = self.received();
        let end = self.total.map_or(self.target, |total| self.target.min(total));
        start..end.max(start)
    }

    /// Bytes that were fed.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.len() as u64
    }

    /// Takes the bytes that follow those fed before. Pieces can be of any size: parsing waits until
    /// enough is there for it to be worthwhile.
    pub fn feed(mut self, bytes: &[u8]) -> Result<Progress, GgufError> {
        self.received.extend_from_slice(bytes);
        if self.received() < self.wants().end {
            return Ok(Progress::NeedMore(self));
        }
        match self.parser.advance(&self.received, self.total)? {
            Step::Done(parts) => {
                let length = self.total.map(|total| total.max(self.received()));
                let header = Header::from_parts(parts, length);
                Ok(Progress::Complete(Box::new(header)))
            }
            Step::NeedMore(missing) => {
                self.target = forecast::next_window(missing);
                Ok(Progress::NeedMore(self))
            }
        }
    }

    /// Says that the file has no more bytes: its length is what was fed. Usually that is an error that
    /// says what is missing; a small file that was fed without its length being known is read.
    pub fn end(mut self) -> Result<Header, GgufError> {
        let actual = self.received();
        match self.parser.advance(&self.received, Some(actual))? {
            Step::Done(parts) => Ok(Header::from_parts(parts, Some(actual))),
            Step::NeedMore(missing) => Err(GgufError::TruncatedHeader { needed: missing.at_least, actual }),
        }
    }
}

impl fmt::Debug for HeaderStream {
    /// Without the bytes, which may be millions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaderStream")
            .field("wants", &self.wants())
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}
