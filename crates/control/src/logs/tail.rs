//! The end of a file that somebody else writes on.

use std::{
    fs::File,
    io::{self, Read as _, Seek, SeekFrom},
    path::Path,
    time::SystemTime,
};

/// How many bytes are read at once: more lines than anybody is told.
const MOST_BYTES: u64 = 2 << 20;

/// Whole lines of a file.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) text: String,
    /// Where the text begins in the file.
    pub(super) from: u64,
    /// Where to go on.
    pub(super) next: u64,
    /// When the file was last changed, if the text reaches to its end.
    pub(super) changed: Option<SystemTime>,
}

/// The whole lines after the offset `after`, or else at the end. A file that is shorter than that was begun anew, and
/// one that is not there is empty.
pub(super) fn read(path: &Path, after: Option<u64>) -> io::Result<Read> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Read::default()),
        file => file?,
    };
    let metadata = file.metadata()?;
    let length = metadata.len();
    let (from, cut) = match after {
        Some(after) if after <= length => (after, false),
        Some(_) => (0, false),
        None => (length.saturating_sub(MOST_BYTES), length > MOST_BYTES),
    };
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes)?;
    let to_the_end = from.saturating_add(count(&bytes)) >= length;
    // A line that is being written is told when it is whole.
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    bytes.truncate(whole);
    let next = from + count(&bytes);
    // The first line of a cut text is a part of one.
    let begins = if cut { bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1) } else { 0 };
    let from = from + count(&bytes[..begins]);
    Ok(Read {
        text: text(&bytes[begins..]),
        from,
        next,
        changed: metadata.modified().ok().filter(|_| to_the_end),
    })
}

/// As text of the same length where it is not UTF-8, so that offsets stay true.
fn text(bytes: &[u8]) -> String {
    let replaced =
        |chunk: std::str::Utf8Chunk<'_>| chunk.valid().to_owned() + &"?".repeat(chunk.invalid().len());
    bytes.utf8_chunks().map(replaced).collect()
}

fn count(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn lines_are_read_when_they_are_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        assert_eq!(read(&path, None).unwrap().next, 0);
        let mut file = File::create(&path).unwrap();
        file.write_all(b"one\ntw").unwrap();
        let first = read(&path, None).unwrap();
        assert_eq!((first.text.as_str(), first.next), ("one\n", 4));
        file.write_all(b"o\xff\nthree\n").unwrap();
        let second = read(&path, Some(first.next)).unwrap();
        assert_eq!((second.text.as_str(), second.from, second.next), ("two?\nthree\n", 4, 15));
        // The file was begun anew.
        assert_eq!(read(&path, Some(99)).unwrap().from, 0);
    }

    #[test]
    fn of_a_long_file_the_end_is_read_from_a_whole_line_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut text = String::new();
        for number in 0..400_000 {
            text.extend(["line ", &number.to_string(), "\n"]);
        }
        std::fs::write(&path, &text).unwrap();
        let end = read(&path, None).unwrap();
        assert!(end.text.starts_with("line ") && end.text.ends_with("line 399999\n"));
        assert_eq!(usize::try_from(end.next).unwrap(), text.len());
        assert_eq!(&text[usize::try_from(end.from).unwrap()..], end.text);
    }
}
