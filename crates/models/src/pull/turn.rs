//! Another process pulls the same model: it is waited for, and shown how far it is.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use loadmaster_fetch::Download;

use super::{Plan, PlannedFile, Puller, blocking};
use crate::{
    error::ModelsError,
    job::{FileProgress, Job, Progress, Step, pace},
    store::{Library, Staging},
};

/// How often it is looked how far the other one is.
const LOOK: Duration = Duration::from_millis(200);

impl Puller {
    /// The folder in which the plan's model comes together, once no other process has it.
    pub(super) async fn turn(&self, plan: &Plan, key: &str, job: &Job) -> Result<Staging, ModelsError> {
        let mut seen: Option<Seen> = None;
        loop {
            let (library, key) = (self.library.clone(), key.to_owned());
            let files = plan.files.clone();
            let looked = blocking(move || match Staging::try_open(&library, &key)? {
                Some(staging) => Ok(Ok(staging)),
                None => Ok(Err(files_of(&library, &key, &files))),
            });
            match looked.await? {
                Ok(staging) => return Ok(staging),
                Err(files) => {
                    job.check()?;
                    let seen = seen.get_or_insert_with(|| Seen::new(done(&files)));
                    job.tell(&seen.progress(plan, files));
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// What was seen of the other one so far.
struct Seen {
    since: Instant,
    first: u64,
    most: u64,
}

impl Seen {
    fn new(first: u64) -> Self {
        Self { since: Instant::now(), first, most: first }
    }

    fn progress(&mut self, plan: &Plan, files: Vec<FileProgress>) -> Progress {
        // What is finished goes to its place, file by file, and is not seen any more.
        self.most = self.most.max(done(&files));
        let total: Option<u64> = files.iter().map(|file| file.total).sum();
        let left = total.unwrap_or(0).saturating_sub(self.first);
        let (speed, seconds_left) = pace(self.most - self.first, left, self.since.elapsed());
        let what = plan.name.to_string();
        Progress { step: Step::Wait, what, done: self.most, total, speed, seconds_left, files }
    }
}

fn done(files: &[FileProgress]) -> u64 {
    files.iter().map(|file| file.done).sum()
}

/// How far each file is that comes together under `key`.
fn files_of(library: &Library, key: &str, files: &[PlannedFile]) -> Vec<FileProgress> {
    let of = |(index, file): (usize, &PlannedFile)| {
        let staged = match file.role {
            None => Staging::model_file_of(library, key, &file.path),
            Some(_) => Staging::part_file_of(library, key, index, file.path.as_str()),
        };
        let has = file.sha256.filter(|_| file.role.is_some()).and_then(|hash| library.has_part(hash));
        let done = has.unwrap_or_else(|| there(&staged));
        FileProgress { name: file.path.file_name().to_owned(), done, total: file.size }
    };
    files.iter().enumerate().map(of).collect()
}

/// Bytes that are there of a file that is downloaded to `path`.
fn there(path: &PathBuf) -> u64 {
    std::fs::metadata(path).map_or_else(|_| Download::kept(path), |is| is.len())
}
