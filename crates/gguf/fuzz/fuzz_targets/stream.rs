//! A header in pieces of any size is the header that is read at once.
//!
//! The first byte of an input chooses the sizes of the pieces; the rest is the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loadmaster_gguf::{GgufError, Header, HeaderStream, Parsed, Progress, ReadOptions};

fuzz_target!(|input: &[u8]| {
    let Some((&seed, file)) = input.split_first() else { return };
    let total = (seed & 1 == 1).then_some(file.len() as u64);
    let at_once = Header::from_prefix(file, Some(file.len() as u64));
    match (at_once, in_pieces(file, seed, total)) {
        (Ok(Parsed::Complete(one)), Ok(other)) => {
            assert_eq!(one.header_bytes(), other.header_bytes());
            assert_eq!(one.tensors(), other.tensors());
            // As text, since a NaN is not equal to itself.
            assert_eq!(format!("{:?}", one.metadata()), format!("{:?}", other.metadata()));
        }
        (Ok(Parsed::NeedMore { .. }), _) => panic!("the length is known"),
        (Ok(_), Err(error)) => panic!("refused in pieces only: {error}"),
        (Err(error), Ok(_)) => panic!("refused at once only: {error}"),
        (Err(_), Err(_)) => {}
    }
});

fn in_pieces(file: &[u8], seed: u8, total: Option<u64>) -> Result<Header, GgufError> {
    let mut stream = HeaderStream::new(ReadOptions::default()).with_first_window(u64::from(seed) + 1);
    if let Some(total) = total {
        stream = stream.with_total(total);
    }
    let mut state = u64::from(seed);
    let mut rest = file;
    while !rest.is_empty() {
        let wanted = stream.wants();
        assert_eq!(wanted.start, (file.len() - rest.len()) as u64);
        assert!(!wanted.is_empty(), "wants nothing and is not done");
        // A linear congruential generator: half of the pieces are what is wanted, others are small.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let exact = usize::try_from(wanted.end - wanted.start).unwrap_or(usize::MAX);
        let size = if state >> 63 == 0 { exact } else { (state >> 58) as usize & 31 };
        let (piece, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        match stream.feed(piece)? {
            Progress::Complete(header) => return Ok(*header),
            Progress::NeedMore(next) => stream = next,
        }
    }
    stream.end()
}
