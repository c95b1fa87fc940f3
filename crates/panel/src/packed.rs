//! Files as they travel: packed once, when first asked for.

use std::{
    collections::HashMap,
    io::Write,
    sync::{LazyLock, Mutex, PoisonError},
};

use axum::body::Bytes;
use flate2::{Compression, write::GzEncoder};

/// Packed files by their names, each with the hash of what was packed: in debug builds files change.
static PACKED: LazyLock<Mutex<HashMap<String, ([u8; 32], Bytes)>>> = LazyLock::new(Mutex::default);

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
