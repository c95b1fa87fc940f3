//! Any bytes give a header or an error, in every mode, and everything a header can be asked is safe.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use loadmaster_gguf::{ArrayMode, Facts, Header, Parsed, ReadOptions, WeightSizes};

fuzz_target!(|file: &[u8]| {
    for arrays in [ArrayMode::Skip, ArrayMode::Read] {
        let options = ReadOptions { arrays };
        let length = file.len() as u64;
        let whole = Header::read_with(Cursor::new(file), None, options);
        for total in [None, Some(length), Some(1 << 40)] {
            match Header::from_prefix_with(file, total, options) {
                Ok(Parsed::Complete(header)) => {
                    assert!(whole.is_ok(), "complete as a prefix, not as a file");
                    ask(&header, file);
                }
                Ok(Parsed::NeedMore { at_least }) => {
                    assert!(at_least > length, "wants what it has");
                    assert!(whole.is_err(), "complete as a file, not as a prefix");
                }
                Err(error) => {
                    assert!(whole.is_err(), "complete as a file, refused as a prefix");
                    assert!(!error.to_string().contains('\n') && error.remedy().ends_with('.'));
                }
            }
        }
    }
});

fn ask(header: &Header, file: &[u8]) {
    let _ = Facts::of(header);
    let _ = WeightSizes::of(header);
    let _ = header.check_complete(file.len() as u64);
    for (_, value) in header.metadata().iter() {
        let _ = value.to_string();
        if let Some(array) = value.as_array() {
            let _ = array.load(&mut Cursor::new(file));
        }
    }
    for tensor in header.tensors() {
        assert_eq!(header.tensor(&tensor.name), Some(tensor));
    }
    if let Ok(merged) = Header::merged(vec![header.clone()]) {
        assert_eq!(merged.tensors(), header.tensors());
    }
}
