//! Files as they travel: packed once, when first asked for.

use std::{
    collections::HashMap,
    io::Write,
    sync::{LazyLock, Mutex, PoisonError},
};

use axum::body::Bytes;
use flate2::{Compression, write::GzEncoder};

/// A file as it was packed, with the hash of what it was: in debug builds files change.
type Packed = ([u8; 32], Bytes);

/// Packed files by their names.
static PACKED: LazyLock<Mutex<HashMap<String, Packed>>> = LazyLock::new(Mutex::default);

/// `data` of the file `name`, whose hash is `hash`, in gzip.
pub(crate) fn gzip(name: &str, hash: [u8; 32], data: &[u8]) -> Bytes {
    let mut packed = PACKED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, bytes)) = packed.get(name)
        && *of == hash
    {
        return bytes.clone();
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(data).and_then(|()| encoder.finish());
    let bytes = Bytes::from(written.expect("writing into a vector cannot fail"));
    packed.insert(name.to_owned(), (hash, bytes.clone()));
    bytes
}
