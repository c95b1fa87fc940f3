//! What is known of a download that is not finished, beside its part, so that it can go on another day.
//!
//! It never claims more than the disk has: it is written after the bytes it tells of were synced, and
//! replaced as a whole. What it lacks is fetched again.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::{ranges::Ranges, version::Version};

/// The first line. Another number is another format, which is not read.
const FORMAT: &str = "loadmaster-fetch part 1";

/// The last line: without it the journal is not whole.
const END: &str = "end";

/// The journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Journal {
    /// Where the file comes from, without its query.
    pub(crate) url: String,
    /// Its length in bytes.
    pub(crate) length: u64,
    pub(crate) version: Version,
    /// What is on the disk.
    pub(crate) done: Ranges,
}

impl Journal {
    /// The journal at `path`, if there is one that makes sense.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(path).ok()?)
    }

    /// Replaces the journal at `path`.
    pub(crate) fn write(&self, path: &Path) -> std::io::Result<()> {
        let new = unfinished(path);
        let mut file = fs::File::create(&new)?;
        file.write_all(self.text().as_bytes())?;
        file.sync_data()?;
        drop(file);
        fs::rename(&new, path)
    }

    fn text(&self) -> String {
        let Version { linked_etag, etag, modified } = &self.version;
        let mut text = format!("{FORMAT}\nurl {}\nlength {}\n", self.url, self.length);
        for (name, value) in [("linked-etag", linked_etag), ("etag", etag), ("modified", modified)] {
            if let Some(value) = value {
                let _ = writeln!(text, "{name} {value}");
            }
        }
        for range in self.done.iter() {
            let _ = writeln!(text, "done {}-{}", range.start, range.end);
        }
        text + END + "\n"
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        (lines.next()? == FORMAT).then_some(())?;
        let mut journal = Self::default();
        for line in lines {
            if line == END {
                return (journal.done.end() <= journal.length).then_some(journal);
            }
            let (name, value) = line.split_once(' ')?;
            let version = &mut journal.version;
            match name {
                "url" => value.clone_into(&mut journal.url),
                "length" => journal.length = value.parse().ok()?,
                "linked-etag" => version.linked_etag = Some(value.to_owned()),
                "etag" => version.etag = Some(value.to_owned()),
                "modified" => version.modified = Some(value.to_owned()),
                "done" => {
                    let (start, end) = value.split_once('-')?;
                    let (start, end) = (start.parse().ok()?, end.parse().ok()?);
                    (start < end).then(|| journal.done.insert(start..end))?;
                }
                _ => return None,
            }
        }
        None
    }
}

/// Where the journal at `path` is written before it takes its place; a process that is killed may leave it.
pub(crate) fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Journal {
        let mut journal = Journal {
            url: "https://hub.example/a b.gguf".into(),
            length: 1000,
            version: Version {
                linked_etag: Some("\"abc\"".into()),
                etag: None,
                modified: Some("Sun, 06 Nov 1994 08:49:37 GMT".into()),
            },
            done: Ranges::default(),
        };
        journal.done.insert(0..100);
        journal.done.insert(500..1000);
        journal
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.part.journal");
        assert_eq!(Journal::read(&path), None);
        for journal in [journal(), Journal::default()] {
            journal.write(&path).unwrap();
            assert_eq!(Journal::read(&path), Some(journal));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_makes_no_sense_is_not_read() {
        let text = journal().text();
        // Cut anywhere, it is none.
        for end in 0..text.len() - 1 {
            assert_eq!(Journal::parse(&text[..end]), None, "{end}");
        }
        for (from, to) in [
            ("part 1", "part 2"),
            ("500-1000", "500-1001"),
            ("0-100", "100-0"),
            ("0-100", "0-18446744073709551616"),
            ("length 1000", "length -1"),
            ("modified ", "unheard-of "),
        ] {
            assert!(text.contains(from));
            assert_eq!(Journal::parse(&text.replace(from, to)), None, "{to}");
        }
    }
}
