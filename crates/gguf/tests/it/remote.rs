//! Headers in pieces and from servers. The servers are fakes: each is wrong in a way of its own.

use std::{
    io,
    ops::Range,
    pin::pin,
    task::{Context, Poll, Waker},
};

use loadmaster_gguf::{
    Answer, FetchError, GgufError, Header, HeaderStream, LooksLike, Progress, RangeSource, ReadOptions,
};
use proptest::{collection::vec, prelude::*};

use crate::writer::{Gguf, V, model, s};

/// A model with the parts of a real one: tokens that grow longer, their types, merges and 272 tensors.
fn large() -> Gguf {
    let word = |n: usize| "x".repeat(2 + n.ilog2() as usize / 2 + n % 3);
    let tokens = (1..30_000).map(|n| s(&word(n))).collect();
    let merges = (1..29_000).map(|n| s(&format!("{} x", word(n)))).collect();
    let mut file = Gguf::new()
        .kv("general.architecture", s("llama"))
        .kv("tokenizer.ggml.tokens", V::Arr(8, tokens))
        .kv("tokenizer.ggml.token_type", V::Arr(5, vec![V::I32(1); 29_999]))
        .kv("tokenizer.ggml.merges", V::Arr(8, merges))
        .kv("tokenizer.chat_template", s(&"{{ message }}".repeat(500)));
    for layer in 0..272 {
        file = file.tensor(&format!("blk.{layer}.attn_q.weight"), &[64, 64], 0, 16_384);
    }
    file
}

/// How the fake server treats those who ask it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Manner {
    /// As it should.
    Ranges,
    /// Sends the whole file whatever is asked.
    Whole,
    /// Does not say how long the file is.
    Silent,
    /// Says the file has so many bytes.
    Says(u64),
    /// Sends bytes from the start of the file up to the end of the range.
    FromStart,
    /// Sends bytes after the end of the range too.
    More,
    /// Ends every answer after so many bytes.
    Cuts(usize),
    /// Ends the first answers after half of the range, so many times.
    CutsAtFirst(usize),
    /// Fails after so many pieces.
    Breaks(usize),
    /// Begins a byte late, the second time.
    Late,
    /// Says another length each time.
    Changes,
}

struct Server {
    file: Vec<u8>,
    manner: Manner,
    body: Range<usize>,
    requests: usize,
    sent: usize,
    pieces: usize,
}

/// Less than a window, and no divisor of one.
const PIECE: usize = 10_007;

impl Server {
    fn new(file: Vec<u8>, manner: Manner) -> Self {
        Self { file, manner, body: 0..0, requests: 0, sent: 0, pieces: 0 }
    }

    fn body_for(&self, range: Range<usize>) -> Range<usize> {
        let end = range.end.min(self.file.len());
        let start = range.start.min(end);
        match self.manner {
            Manner::Whole => 0..self.file.len(),
            Manner::FromStart => 0..end,
            Manner::More => start..self.file.len(),
            Manner::Cuts(most) => start..end.min(start + most),
            Manner::CutsAtFirst(times) if self.requests <= times => start..usize::midpoint(start, end),
            Manner::Late if self.requests > 1 => start + 1..end,
            _ => start..end,
        }
    }
}

impl RangeSource for Server {
    type Error = io::Error;
    type Chunk = Vec<u8>;

    async fn request(&mut self, range: Range<u64>) -> io::Result<Answer> {
        let place = |at: u64| usize::try_from(at).expect("a small file");
        self.requests += 1;
        self.body = self.body_for(place(range.start)..place(range.end));
        let length = self.file.len() as u64;
        Ok(Answer {
            first: self.body.start as u64,
            total: match self.manner {
                Manner::Silent => None,
                Manner::Says(length) => Some(length),
                Manner::Changes => Some(length + self.requests as u64),
                _ => Some(length),
            },
        })
    }

    async fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.pieces += 1;
        if self.manner == Manner::Breaks(self.pieces) {
            return Err(io::Error::new(io::ErrorKind::ConnectionReset, "connection reset"));
        }
        let end = self.body.end.min(self.body.start + PIECE);
        let piece = self.file[self.body.start..end].to_vec();
        self.body.start = end;
        self.sent += piece.len();
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }
}

/// Runs a future that never waits, as those of the fake do not.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the fake never waits"),
    }
}

fn fetch(file: &[u8], manner: Manner) -> (Result<Header, FetchError<io::Error>>, Server) {
    let mut server = Server::new(file.to_vec(), manner);
    let result = at_once(Header::fetch(&mut server, ReadOptions::default()));
    (result, server)
}

#[test]
fn a_header_costs_few_requests_and_little_more_than_its_bytes() {
    let (file, header_bytes) = (large().file(), large().header().len());
    let (header, server) = fetch(&file, Manner::Ranges);
    let header = header.expect("a valid file");
    assert_eq!(header.header_bytes(), header_bytes as u64);
    assert_eq!(header.file_len(), Some(file.len() as u64));
    assert_eq!(header.tensors().len(), 272);
    assert!(server.requests <= 6, "{} requests", server.requests);
    assert!(server.sent * 10 <= header_bytes * 12, "{} of {header_bytes}", server.sent);
}

#[test]
fn a_large_tensor_table_is_foreseen_by_its_count() {
    let file = (0..3000).fold(Gguf::new(), |file, n| {
        file.tensor(&format!("model.diffusion_model.input_blocks.{n}.weight"), &[64], 0, 256)
    });
    let (header, server) = fetch(&file.file(), Manner::Ranges);
    assert_eq!(header.expect("a valid file").tensors().len(), 3000);
    assert!(server.requests <= 3, "{} requests", server.requests);
    assert!(server.sent * 10 <= file.header().len() * 12);
}

#[test]
fn a_small_header_costs_one_request() {
    let (header, server) = fetch(&model().file(), Manner::Ranges);
    assert_eq!(header.expect("a valid file").tensors().len(), 7);
    assert_eq!(server.requests, 1);
}

#[test]
fn a_server_without_ranges_is_read_up_to_the_end_of_the_header_once() {
    let (file, header_bytes) = (large().file(), large().header().len());
    let (header, server) = fetch(&file, Manner::Whole);
    assert_eq!(header.expect("a valid file").header_bytes(), header_bytes as u64);
    assert_eq!(server.requests, 1);
    assert!(server.sent * 10 <= header_bytes * 12 && server.sent < file.len() / 2);
}

#[test]
fn servers_that_are_odd_but_honest_give_the_header() {
    for file in [large(), model(), Gguf::new()] {
        let bytes = file.file();
        let length = bytes.len() as u64;
        for manner in [
            Manner::Silent,
            Manner::FromStart,
            Manner::More,
            Manner::CutsAtFirst(3),
            Manner::Says(length + 1_000_000),
        ] {
            let (header, _) = fetch(&bytes, manner);
            let header = header.unwrap_or_else(|error| panic!("{manner:?}: {error}"));
            assert_eq!(header.header_bytes(), file.header().len() as u64, "{manner:?}");
        }
    }
}

/// What fetching must fail with, on one line and with a remedy.
fn failure(file: &[u8], manner: Manner) -> FetchError<io::Error> {
    let (result, server) = fetch(file, manner);
    let error = result.expect_err("the server is wrong");
    assert!(!error.to_string().contains('\n') && error.remedy().ends_with('.'), "{error}");
    assert!(server.requests <= 10, "{} requests", server.requests);
    error
}

#[test]
fn a_length_that_is_too_short_is_a_truncated_header() {
    let error = failure(&large().file(), Manner::Says(100_000));
    assert!(
        matches!(error, FetchError::Header(GgufError::TruncatedHeader { actual: 100_000, .. })),
        "{error}"
    );
}

#[test]
fn a_file_that_ends_within_its_header_is_told_from_a_cut_connection() {
    let whole = large().file();
    let half = &whole[..large().header().len() / 2];
    for manner in [Manner::Ranges, Manner::Silent] {
        let error = failure(half, manner);
        let FetchError::Header(GgufError::TruncatedHeader { actual, .. }) = error else { panic!("{error}") };
        assert_eq!(actual, half.len() as u64);
    }
    // The server says there is more and never sends it.
    let error = failure(half, Manner::Says(whole.len() as u64));
    let FetchError::Cut { received, wanted } = error else { panic!("{error}") };
    assert!(received == half.len() as u64 && wanted > received);
}

#[test]
fn a_server_that_keeps_cutting_is_given_up() {
    let error = failure(&large().file(), Manner::Cuts(1000));
    let FetchError::Cut { received, wanted } = error else { panic!("{error}") };
    assert!(received == 4000 && wanted > received && wanted < large().header().len() as u64);
    let error = failure(&large().file(), Manner::Cuts(0));
    assert!(matches!(error, FetchError::Cut { received: 0, .. }), "{error}");
}

#[test]
fn errors_of_the_client_are_passed_on() {
    for piece in [1, 9] {
        let error = failure(&large().file(), Manner::Breaks(piece));
        let FetchError::Source(error) = error else { panic!("{error}") };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}

#[test]
fn answers_that_do_not_fit_together_are_refused() {
    let error = failure(&large().file(), Manner::Late);
    assert!(matches!(error, FetchError::WrongRange { wanted, first } if first == wanted + 1), "{error}");
    let error = failure(&large().file(), Manner::Changes);
    assert!(matches!(error, FetchError::Changed { before, after } if after == before + 1), "{error}");
}

#[test]
fn a_page_in_place_of_a_model_is_recognised() {
    let page = format!("<!DOCTYPE html>{}", " ".repeat(200_000));
    for manner in [Manner::Ranges, Manner::Whole, Manner::Silent] {
        let (result, server) = fetch(page.as_bytes(), manner);
        let error = result.expect_err("a page");
        let FetchError::Header(GgufError::NotGguf { looks_like }) = error else { panic!("{error}") };
        assert_eq!(looks_like, LooksLike::Html);
        assert_eq!(server.requests, 1);
    }
    for manner in [Manner::Ranges, Manner::Silent] {
        let error = failure(b"", manner);
        let empty = GgufError::NotGguf { looks_like: LooksLike::Empty };
        assert_eq!(error.to_string(), empty.to_string());
    }
}

#[test]
fn the_future_can_move_between_threads() {
    fn is_send(_: impl Send) {}
    let mut server = Server::new(Vec::new(), Manner::Ranges);
    is_send(Header::fetch(&mut server, ReadOptions::default()));
}

/// Feeds a file in pieces of these sizes, over and over. Says what came, and the most that was wanted.
fn in_pieces(
    file: &[u8],
    sizes: &[usize],
    first: u64,
    total: Option<u64>,
) -> (Result<Header, GgufError>, u64) {
    let mut stream = HeaderStream::new(ReadOptions::default()).with_first_window(first);
    if let Some(total) = total {
        stream = stream.with_total(total);
    }
    let (mut rest, mut furthest) = (file, 0);
    for &size in sizes.iter().cycle() {
        furthest = furthest.max(stream.wants().end);
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        match stream.feed(piece) {
            Ok(Progress::NeedMore(next)) => stream = next,
            Ok(Progress::Complete(header)) => return (Ok(*header), furthest),
            Err(error) => return (Err(error), furthest),
        }
    }
    (stream.end(), furthest)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_of_any_size_give_the_same_header(
        sizes in vec(1..400_usize, 1..20),
        first in 1..3000_u64,
        known in any::<bool>(),
    ) {
        let (file, length) = (model().file(), model().header().len() as u64);
        let (header, furthest) = in_pieces(&file, &sizes, first, known.then_some(file.len() as u64));
        let header = header?;
        prop_assert_eq!(header.header_bytes(), length);
        let at_once = Header::read(io::Cursor::new(&file), None)?;
        prop_assert_eq!(header.tensors(), at_once.tensors());
        prop_assert!(furthest <= first.max(2 * length), "{} of {}", furthest, length);
    }

    #[test]
    fn a_cut_file_in_pieces_is_truncated(cut in 1..1000_usize, sizes in vec(1..400_usize, 1..20)) {
        let file = &model().header()[..cut];
        let (result, _) = in_pieces(file, &sizes, 100, None);
        let error = result.expect_err("cut");
        prop_assert!(
            matches!(error, GgufError::TruncatedHeader { actual, .. } if actual == cut as u64),
            "{}", error
        );
    }
}

#[test]
fn a_length_said_late_and_too_short_leaves_nothing_to_want() {
    let file = model().file();
    let stream = HeaderStream::new(ReadOptions::default());
    let Ok(Progress::NeedMore(stream)) = stream.feed(&file[..100]) else { panic!("the header goes on") };
    assert_eq!(stream.received(), 100);
    let stream = stream.with_total(50);
    assert!(stream.wants().is_empty());
    let error = stream.end().expect_err("cut");
    assert!(matches!(error, GgufError::TruncatedHeader { actual: 100, .. }), "{error}");
}
