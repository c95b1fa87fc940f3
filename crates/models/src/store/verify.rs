//! Whether every byte is what it was.

use std::{
    collections::BTreeMap,
    fs, io,
    num::NonZero,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use serde::Serialize;

use super::Library;
use crate::{
    error::ModelsError,
    job::{Job, Meter, Step},
    manifest::Manifest,
    sha256::{Hasher, Sha256, read_pieces},
};

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VerifyReport {
    /// Every file of the models, each once, in the order of models and files.
    pub files: Vec<FileCheck>,
    /// Bytes that were hashed.
    pub bytes: u64,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
}

/// What was found of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileCheck {
    /// The file.
    pub path: PathBuf,
    /// The models that have it.
    pub models: Vec<String>,
    /// What was found.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What was found of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// It is what it was.
    Intact,
    /// Its length is what it was, and no hash is known.
    NoHash,
    /// It is not there.
    Missing,
    /// It has another length.
    WrongSize {
        /// In bytes, as it should be.
        expected: u64,
        /// In bytes, as it is.
        actual: u64,
    },
    /// It has other bytes.
    WrongHash {
        /// As it should be.
        expected: Sha256,
        /// As it is.
        actual: Sha256,
    },
    /// It cannot be read.
    Unreadable {
        /// What the system says.
        cause: String,
    },
}

impl VerifyReport {
    /// Whether nothing is wrong.
    pub fn is_intact(&self) -> bool {
        self.files.iter().all(|file| matches!(file.outcome, Outcome::Intact | Outcome::NoHash))
    }
}

/// A file to check.
struct Target {
    path: PathBuf,
    models: Vec<String>,
    size: u64,
    hash: Option<Sha256>,
}

impl Library {
    /// Hashes every file of `models` on as many threads as the machine has cores, the largest files first;
    /// one that several models have is hashed once.
    pub fn verify(&self, models: &[Manifest], job: &Job) -> Result<VerifyReport, ModelsError> {
        let started = Instant::now();
        let targets = self.targets(models);
        let hashed = |target: &&Target| target.hash.is_some();
        let bytes = targets.iter().filter(hashed).map(|target| target.size).sum();
        let outcomes = check_all(&targets, &job.meter(Step::Verify, bytes))?;
        let files = targets.into_iter().zip(outcomes);
        let files =
            files.map(|(Target { path, models, .. }, outcome)| FileCheck { path, models, outcome }).collect();
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(VerifyReport { files, bytes, milliseconds })
    }

    fn targets(&self, models: &[Manifest]) -> Vec<Target> {
        let mut known = BTreeMap::<PathBuf, usize>::new();
        let mut targets: Vec<Target> = Vec::new();
        for model in models {
            for file in model.files() {
                let path = model.path(self.root(), file);
                let name = model.name.to_string();
                if let Some(target) = known.get(&path).and_then(|&index| targets.get_mut(index)) {
                    target.models.push(name);
                } else {
                    known.insert(path.clone(), targets.len());
                    targets.push(Target { path, models: vec![name], size: file.size, hash: file.sha256 });
                }
            }
        }
        targets
    }
}

/// The outcomes, in the order of the targets.
fn check_all(targets: &[Target], meter: &Meter) -> Result<Vec<Outcome>, ModelsError> {
    let mut order: Vec<&Target> = targets.iter().collect();
    order.sort_by_key(|target| std::cmp::Reverse(target.size));
    let next = AtomicUsize::new(0);
    let found = Mutex::new(BTreeMap::new());
    let work = || -> Result<(), ModelsError> {
        while let Some(target) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = check(target, meter)?;
            found.lock().unwrap_or_else(PoisonError::into_inner).insert(&target.path, outcome);
        }
        Ok(())
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(targets.len());
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        // A thread that panicked has said so; its files have no outcome, which is told below.
        let others = others.into_iter().filter_map(|other| other.join().ok());
        others.fold(own, Result::and)
    })?;
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let lost = || Outcome::Unreadable { cause: "the thread that read it failed".to_owned() };
    Ok(targets.iter().map(|target| found.remove(&target.path).unwrap_or_else(lost)).collect())
}

fn check(target: &Target, meter: &Meter) -> Result<Outcome, ModelsError> {
    let Target { path, size, hash, .. } = target;
    let expected = *size;
    Ok(match (fs::metadata(path), hash) {
        (Err(error), _) if error.kind() == io::ErrorKind::NotFound => Outcome::Missing,
        (Err(error), _) => Outcome::Unreadable { cause: error.to_string() },
        (Ok(is), _) if is.len() != expected => Outcome::WrongSize { expected, actual: is.len() },
        (Ok(_), None) => Outcome::NoHash,
        (Ok(_), Some(expected)) => match hash_file(path, meter) {
            Ok(actual) if actual == *expected => Outcome::Intact,
            Ok(actual) => Outcome::WrongHash { expected: *expected, actual },
            Err(ModelsError::Disk { source, .. }) => Outcome::Unreadable { cause: source.to_string() },
            Err(other) => return Err(other),
        },
    })
}

/// The SHA-256 of the file at `path`.
pub(crate) fn hash_file(path: &Path, meter: &Meter) -> Result<Sha256, ModelsError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut hasher = Hasher::default();
    read_pieces(path, |bytes| {
        hasher.update(bytes);
        meter.add(bytes.len() as u64, &name)
    })?;
    Ok(hasher.finish())
}
