//! The first bytes of a file that is somewhere else.

use loadmaster_gguf::{GgufError, Header, Parsed};

use crate::writer::model;

#[test]
fn every_prefix_asks_for_more_until_the_header_is_whole() {
    let (header, file) = (model().header(), model().file());
    for length in 0..file.len() {
        for total in [None, Some(file.len() as u64)] {
            match Header::from_prefix(&file[..length], total).expect("nothing is wrong yet") {
                Parsed::NeedMore { at_least } => {
                    assert!(length < header.len(), "the header was whole at {length}");
                    assert!(at_least > length as u64, "{at_least} at {length}");
                    assert!(at_least <= header.len() as u64, "{at_least}");
                }
                Parsed::Complete(read) => {
                    assert!(length >= header.len(), "the header was not whole at {length}");
                    assert_eq!(read.tensors().len(), 7);
                    assert_eq!(read.file_len(), total);
                }
            }
        }
    }
}

#[test]
fn every_cut_file_is_called_truncated() {
    let (header, file) = (model().header(), model().file());
    for length in 1..header.len() {
        let error = Header::from_prefix(&file[..length], Some(length as u64)).expect_err("cut");
        let GgufError::TruncatedHeader { needed, actual } = error else { panic!("{error}") };
        assert_eq!(actual, length as u64);
        assert!(needed > actual && needed <= header.len() as u64, "{needed} at {length}");
    }
}

#[test]
fn asking_as_told_ends_at_the_header() {
    // A client that fetches exactly what it is told needs few requests, and never a useless one.
    let file = model().file();
    let mut length = 0;
    for requests in 0.. {
        match Header::from_prefix(&file[..length], None).expect("a valid file") {
            Parsed::Complete(_) => break,
            Parsed::NeedMore { at_least } => {
                length = usize::try_from(at_least).expect("small").max(length * 2).min(file.len());
            }
        }
        assert!(requests < 20);
    }
    assert!(length < 2 * model().header().len());
}

#[test]
fn something_else_is_recognised_from_enough_bytes() {
    let page = format!("<!DOCTYPE html>{}", " ".repeat(1000));
    let page = page.as_bytes();
    let need = |length: usize, total| Header::from_prefix(&page[..length], total);
    assert!(matches!(need(3, None), Ok(Parsed::NeedMore { at_least: 512 })));
    assert!(matches!(need(3, Some(40)), Ok(Parsed::NeedMore { at_least: 40 })));
    assert!(matches!(need(512, None), Err(GgufError::NotGguf { .. })));
    assert!(matches!(need(40, Some(40)), Err(GgufError::NotGguf { .. })));
}
