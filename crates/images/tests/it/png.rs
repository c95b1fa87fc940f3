//! PNG files, whole and not.

use loadmaster_images::{
    ImageFormat, Size,
    png::{PngError, check, texts, with_text},
};
use proptest::prelude::*;

use crate::plain_colour;

fn sample() -> Vec<u8> {
    plain_colour::png(Size::new(9, 5), [1, 2, 3])
}

#[test]
fn a_whole_file_is_read() {
    let info = check(&sample()).unwrap();
    assert_eq!((info.width, info.height, info.bit_depth, info.color_type), (9, 5, 8, 2));
    assert!(ImageFormat::Png.is_whole(&sample()));
}

#[test]
fn no_beginning_of_a_file_is_whole() {
    let sample = sample();
    for length in 8..sample.len() {
        assert_eq!(check(&sample[..length]), Err(PngError::Truncated { length }));
    }
    assert_eq!(check(b""), Err(PngError::NoPng));
    assert!(check(&[sample.as_slice(), b"x"].concat()).is_err());
}

#[test]
fn no_changed_byte_goes_unnoticed() {
    let sample = sample();
    for index in 0..sample.len() {
        let mut changed = sample.clone();
        changed[index] ^= 0x40;
        assert!(check(&changed).is_err(), "byte {index}");
    }
}

#[test]
fn texts_are_written_and_replaced() {
    let one = with_text(&sample(), "parameters", "a cat, 20 steps\nseed 7").unwrap();
    let two = with_text(&one, "Title", "Grüße, 猫 🐈").unwrap();
    let three = with_text(&two, "parameters", "naïve").unwrap();
    let texts = texts(&three).unwrap();
    assert!(texts.contains(&("parameters".to_owned(), "naïve".to_owned())), "{texts:?}");
    assert!(texts.contains(&("Title".to_owned(), "Grüße, 猫 🐈".to_owned())), "{texts:?}");
    assert_eq!(texts.len(), 2);
    assert_eq!(check(&three), check(&sample()));
}

#[test]
fn keys_that_cannot_be_are_refused() {
    for key in ["", " a", "a ", "ä", "a\0b", &"a".repeat(80)] {
        assert_eq!(with_text(&sample(), key, "x"), Err(PngError::BadKey { key: key.to_owned() }));
    }
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(bytes: Vec<u8>, at: usize) {
        let mut file = sample();
        let at = at % file.len();
        file.splice(at..at, bytes);
        let _ = check(&file);
        let _ = texts(&file);
    }

    #[test]
    fn any_text_comes_back(value in "\\PC*") {
        let file = with_text(&sample(), "parameters", &value).unwrap();
        prop_assert_eq!(texts(&file).unwrap(), [("parameters".to_owned(), value)]);
    }
}
