//! The log file of a child: rotated by size, written by a thread of its own.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::error::SuperviseError;
use crate::spec::LogFile;

/// How much may wait for a slow disk, in bytes, before lines are left out.
const QUEUE_BYTES: usize = 4 * 1024 * 1024;

/// How long lines are gathered before they are written: one write for each line of a server that prints twenty
/// for every request takes its processor time from the request.
const GATHER: Duration = Duration::from_millis(10);

/// Where readers put lines for the log file. The file is closed when the last clone is dropped.
#[derive(Clone, Debug)]
pub(crate) struct LogQueue(Arc<Feed>);

impl LogQueue {
    /// Opens the file and starts its thread. The receiver answers when all has been written.
    pub(crate) fn open(spec: &LogFile) -> Result<(Self, oneshot::Receiver<()>), SuperviseError> {
        let failed = |source| SuperviseError::Log { path: spec.path.clone(), source };
        let file = RotatedFile::open(spec.clone()).map_err(failed)?;
        let queue = Arc::new(Queue::default());
        let feed = Feed(Arc::clone(&queue));
        let (done, written) = oneshot::channel();
        std::thread::Builder::new()
            .name("supervise-log".to_owned())
            .spawn(move || {
                write_all(file, &queue);
                // Nobody may be waiting any more, which is no failure.
                let _ = done.send(());
            })
            .map_err(failed)?;
        Ok((Self(Arc::new(feed)), written))
    }

    /// Hands on a line; never waits for the disk. A line too many is counted and left out.
    pub(crate) fn push(&self, line: &str) {
        self.0.0.push(line);
    }
}

/// The readers' end of the queue.
#[derive(Debug)]
struct Feed(Arc<Queue>);

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_one();
    }
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Whole lines.
    text: String,
    /// How many lines found no room after those in `text`.
    left_out: u64,
    closed: bool,
}

impl Queue {
    fn push(&self, line: &str) {
        let mut waiting = self.lock();
        // The first line wakes the thread; it gathers the others.
        let first = waiting.text.is_empty();
        if waiting.left_out > 0 || waiting.text.len() + line.len() > QUEUE_BYTES {
            waiting.left_out += 1;
        } else {
            waiting.text.push_str(line);
            waiting.text.push('\n');
        }
        drop(waiting);
        if first {
            self.changed.notify_one();
        }
    }

    /// Waits for lines; `None` when there will be none any more.
    fn take(&self) -> Option<(String, u64)> {
        let empty = |waiting: &mut Waiting| waiting.text.is_empty() && !waiting.closed;
        let open = |waiting: &mut Waiting| !waiting.closed;
        let waiting = self.changed.wait_while(self.lock(), empty).unwrap_or_else(PoisonError::into_inner);
        let (mut waiting, _) =
            self.changed.wait_timeout_while(waiting, GATHER, open).unwrap_or_else(PoisonError::into_inner);
        if waiting.text.is_empty() {
            return None;
        }
        let left_out = std::mem::take(&mut waiting.left_out);
        Some((std::mem::take(&mut waiting.text), left_out))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No code panics while it holds the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes lines until the feed is gone; a failing disk is reported once.
fn write_all(mut file: RotatedFile, queue: &Queue) {
    let mut reported = false;
    while let Some((mut text, left_out)) = queue.take() {
        if left_out > 0 {
            let left_out = left_out.to_string();
            text.extend(["[", &left_out, " lines are not here: the disk was too slow]\n"]);
        }
        if let Err(error) = file.append(&text)
            && !std::mem::replace(&mut reported, true)
        {
            let path = file.spec.path.display();
            tracing::warn!(%path, %error, "the log of a child cannot be written");
        }
    }
}

/// A file that makes room for itself by renaming.
struct RotatedFile {
    spec: LogFile,
    file: File,
    bytes: u64,
}

impl RotatedFile {
    fn open(spec: LogFile) -> io::Result<Self> {
        if let Some(folder) = spec.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(&spec.path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { spec, file, bytes })
    }

    /// Writes whole lines, each of which lands in one file.
    fn append(&mut self, text: &str) -> io::Result<()> {
        let mut start = 0;
        let mut end = 0;
        for line in text.split_inclusive('\n') {
            let after = self.bytes + (end + line.len() - start) as u64;
            if after > self.spec.max_bytes {
                self.write(&text[start..end])?;
                start = end;
                if self.bytes > 0 {
                    self.rotate()?;
                }
            }
            end += line.len();
        }
        self.write(&text[start..])
    }

    fn write(&mut self, lines: &str) -> io::Result<()> {
        self.file.write_all(lines.as_bytes())?;
        self.bytes += lines.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let LogFile { path, keep, .. } = &self.spec;
        let shifted = (1..*keep).rev().try_for_each(|older| {
            let from = numbered(path, older - 1);
            match fs::rename(from, numbered(path, older)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        });
        // Where renaming fails (Windows, while somebody reads the file), a bounded size matters
        // more than old lines: the file is emptied.
        self.file = if shifted.is_ok() && *keep > 1 {
            File::create(path)?
        } else {
            self.file.set_len(0)?;
            OpenOptions::new().append(true).open(path)?
        };
        self.bytes = 0;
        Ok(())
    }
}

/// `path` itself for 0, else `path.1`, `path.2` and so on.
fn numbered(path: &Path, number: usize) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{LogFile, QUEUE_BYTES, Queue, RotatedFile, numbered};

    fn files(path: &std::path::Path) -> Vec<Option<String>> {
        (0..4).map(|number| fs::read_to_string(numbered(path, number)).ok()).collect()
    }

    #[test]
    fn files_are_rotated_between_lines_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new folder").join("log");
        let spec = LogFile { path: path.clone(), max_bytes: 10, keep: 3 };
        let mut file = RotatedFile::open(spec.clone()).unwrap();
        // One batch that spans files, then single lines.
        file.append("aaaa\nbbbb\ncccc\n").unwrap();
        file.append("dddd\n").unwrap();
        let some = |text: &str| Some(text.to_owned());
        let two = [some("cccc\ndddd\n"), some("aaaa\nbbbb\n"), None, None];
        assert_eq!(files(&path), two);
        drop(file);

        // The next child goes on where the last one ended, and a line too long gets a file.
        let mut file = RotatedFile::open(spec).unwrap();
        file.append("a line longer than a file\n").unwrap();
        file.append("e\n").unwrap();
        let long = some("a line longer than a file\n");
        let three = [some("e\n"), long, some("cccc\ndddd\n"), None];
        assert_eq!(files(&path), three);
    }

    #[test]
    fn a_single_file_starts_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        for keep in [0, 1] {
            let spec = LogFile { path: path.clone(), max_bytes: 6, keep };
            let mut file = RotatedFile::open(spec).unwrap();
            file.append("aaaa\nbbbb\n").unwrap();
            assert_eq!(files(&path), [Some("bbbb\n".to_owned()), None, None, None]);
        }
    }

    #[test]
    fn what_finds_no_room_is_counted_and_what_has_room_is_kept() {
        let queue = Queue::default();
        let line = "x".repeat(QUEUE_BYTES / 2 - 1);
        for _ in 0..5 {
            queue.push(&line);
        }
        let (text, left_out) = queue.take().unwrap();
        assert_eq!(text.lines().count(), 2);
        assert_eq!(left_out, 3);
        queue.push("room again");
        assert_eq!(queue.take().unwrap(), ("room again\n".to_owned(), 0));
    }
}
