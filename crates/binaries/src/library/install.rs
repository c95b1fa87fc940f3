//! Installs the best build that works.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use sha2::{Digest, Sha256};

use super::{
    Library,
    files::{Files, Selected},
    publish::publish,
    stage::{Reason, Staged, file_name},
};
use crate::{
    catalog::{Build, Catalog, Needs, Program, Source, Variant},
    choose::{Candidate, Wanted, choose},
    error::BinariesError,
    host::Host,
    prove::{Fault, Proof},
    remembered::Record,
    report::Found,
    step::{Observer, Step},
    transport::hex,
};

/// What to install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Which build.
    pub wanted: Wanted,
    /// A program of the user's, or a folder with one, instead of what is in the catalog. It stays where it is.
    pub own: Option<PathBuf>,
    /// Fetch and try what is installed already.
    pub force: bool,
}

impl Request {
    /// The best build of a program.
    pub fn new(program: Program) -> Self {
        Self { wanted: Wanted::new(program), own: None, force: false }
    }

    /// A program of the user's, or a folder with one.
    pub fn own(program: Program, path: impl Into<PathBuf>) -> Self {
        Self { own: Some(path.into()), ..Self::new(program) }
    }
}

/// What has been found out of the builds that were tried so far.
#[derive(Default)]
struct Tried {
    /// Each build is fetched once, whatever it is tried for.
    staged: BTreeMap<String, Result<Staged, Reason>>,
    /// Each build is started once: the version it says, or why it does not start.
    started: BTreeMap<String, Result<Option<String>, Fault>>,
}

impl Library {
    /// Installs the first candidate that works, and uses it from then on unless another is pinned.
    ///
    /// One that is installed and remembered to work is neither fetched nor tried again.
    ///
    /// # Errors
    /// [`BinariesError::NothingSuitable`], [`BinariesError::NoneWorks`] with each reason, or what the library's
    /// folder has against it. What was installed before is then as it was.
    pub async fn install(
        &self,
        request: &Request,
        host: &Host,
        observer: &Observer,
    ) -> Result<Found, BinariesError> {
        let program = request.wanted.program;
        let choice = match &request.own {
            Some(path) => choose(&with_own(program, path)?, host, &wanted_own(request)),
            None => choose(&self.tools.catalog, host, &request.wanted),
        };
        if choice.candidates.is_empty() {
            if let Some(id) = request.wanted.build.clone().filter(|id| self.tools.catalog.get(id).is_none()) {
                return Err(BinariesError::UnknownBuild { program, id });
            }
            return Err(BinariesError::NothingSuitable { program, left_out: choice.left_out });
        }
        let files = self.files(program);
        let _lock = files.lock(observer).await?;
        let (mut attempts, mut tried) = (Vec::new(), Tried::default());
        let of = choice.candidates.len();
        for (index, candidate) in choice.candidates.iter().enumerate() {
            let Candidate { build, variant } = candidate;
            observer.tell(&Step::Trying {
                build: build.id.clone(),
                variant: *variant,
                number: index + 1,
                of,
            });
            match self.try_one(&files, candidate, request.force, host, observer, &mut tried).await? {
                Ok((record, proof)) => {
                    let mut state = files.state()?;
                    if !state.pinned {
                        state.select(&Selected { build: build.id.clone(), variant: *variant });
                    }
                    state.attempts.clone_from(&attempts);
                    files.set_state(&state)?;
                    observer.tell(&Step::Installed { build: build.id.clone(), variant: *variant });
                    let (build, variant) = (build.id.clone(), *variant);
                    let program = files.executable(&record);
                    return Ok(Found { build, variant, program, proof, remembered: false, attempts });
                }
                Err(reason) => {
                    let attempt = reason.attempt(&build.id, *variant);
                    tracing::info!(build = build.id, %variant, cause = attempt.cause, "a build does not do");
                    observer.tell(&Step::Failed(attempt.clone()));
                    attempts.push(attempt);
                }
            }
        }
        let mut state = files.state()?;
        state.attempts.clone_from(&attempts);
        files.set_state(&state)?;
        Err(BinariesError::NoneWorks { program, attempts })
    }

    /// Brings one candidate here, tries it, and puts it into its place.
    async fn try_one(
        &self,
        files: &Files,
        candidate: &Candidate,
        force: bool,
        host: &Host,
        observer: &Observer,
        tried: &mut Tried,
    ) -> Result<Result<(Record, Proof), Reason>, BinariesError> {
        let Candidate { build, variant } = candidate;
        if !force && let Some(mut record) = installed_unchanged(files, build)? {
            let proof = self.proven(files, &mut record, *variant, host, observer).await?;
            return Ok(proof.map(|proof| (record, proof)).map_err(Reason::from));
        }
        if !tried.staged.contains_key(&build.id) {
            let staged = self.stage(build, observer).await?;
            tried.staged.insert(build.id.clone(), staged);
        }
        let staged = match tried.staged.get(&build.id) {
            Some(Ok(staged)) => staged,
            Some(Err(reason)) => return Ok(Err(reason.again())),
            None => return Err(BinariesError::BrokenOff),
        };
        let executable = staged.root.join(&staged.program);
        if !tried.started.contains_key(&build.id) {
            observer.tell(&Step::Starting { build: build.id.clone() });
            let started = self.tools.prover.starts(build.program, &executable).await;
            tried.started.insert(build.id.clone(), started);
        }
        let version = match tried.started.get(&build.id) {
            Some(Ok(version)) => version.clone(),
            Some(Err(fault)) => return Ok(Err(fault.clone().into())),
            None => return Err(BinariesError::BrokenOff),
        };
        let proof = match self.work(build, &executable, *variant, version, observer).await {
            Ok(proof) => proof,
            Err(fault) => return Ok(Err(fault.into())),
        };
        let Some(Ok(staged)) = tried.staged.remove(&build.id) else { return Err(BinariesError::BrokenOff) };
        let record = publish(files, build, staged, proof.clone(), host.fingerprint()).await?;
        Ok(Ok((record, proof)))
    }

    /// What is remembered of an installed build on this machine, or what a trial shows now.
    pub(super) async fn proven(
        &self,
        files: &Files,
        record: &mut Record,
        variant: Variant,
        host: &Host,
        observer: &Observer,
    ) -> Result<Result<Proof, Fault>, BinariesError> {
        if let Some(proof) = record.proof(variant, &host.fingerprint()) {
            return Ok(Ok(proof.clone()));
        }
        self.prove_again(files, record, variant, host, observer).await
    }

    /// Tries an installed build, and remembers that it works. The lock is held.
    pub(super) async fn prove_again(
        &self,
        files: &Files,
        record: &mut Record,
        variant: Variant,
        host: &Host,
        observer: &Observer,
    ) -> Result<Result<Proof, Fault>, BinariesError> {
        let executable = files.executable(record);
        let build = record.build.clone();
        observer.tell(&Step::Starting { build: build.id.clone() });
        let proof = match self.tools.prover.starts(build.program, &executable).await {
            Ok(version) => self.work(&build, &executable, variant, version, observer).await,
            Err(fault) => Err(fault),
        };
        if let Ok(proof) = &proof {
            record.remember(proof.clone(), host.fingerprint());
            files.set_record(record)?;
        }
        Ok(proof)
    }

    async fn work(
        &self,
        build: &Build,
        executable: &Path,
        variant: Variant,
        version: Option<String>,
        observer: &Observer,
    ) -> Result<Proof, Fault> {
        observer.tell(&Step::Working { build: build.id.clone(), variant });
        let worked = self.tools.prover.works(build.program, executable, variant).await?;
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let device = worked.as_ref().and_then(|worked| worked.device.clone());
        Ok(Proof { variant, device, version, worked: worked.is_some(), at })
    }
}

impl Reason {
    /// The same for another try.
    fn again(&self) -> Self {
        Self {
            stage: self.stage,
            cause: self.cause.clone(),
            remedy: self.remedy.clone(),
            fault: self.fault.clone(),
        }
    }
}

/// The record of a build that is installed as the catalog has it, and whose files are its own.
fn installed_unchanged(files: &Files, build: &Build) -> Result<Option<Record>, BinariesError> {
    let record = match files.record(&build.id) {
        // What cannot be read is installed anew.
        Err(BinariesError::Damaged { .. }) => return Ok(None),
        record => record?,
    };
    Ok(record.filter(|record| record.build == *build && record.is_untouched(&files.root(record))))
}

/// A catalog with a program of the user's alone.
fn with_own(program: Program, path: &Path) -> Result<Catalog, BinariesError> {
    let absolute = std::path::absolute(path)
        .map_err(|source| BinariesError::Folder { path: path.to_owned(), source })?;
    Ok(Catalog::of(own_build(program, absolute)))
}

/// Of a user's own program, only what it is for can be chosen.
fn wanted_own(request: &Request) -> Wanted {
    let Wanted { program, variant, software_gpus, .. } = request.wanted.clone();
    Wanted { variant, software_gpus, ..Wanted::new(program) }
}

/// A build of the user's own: what it can do is found out by trying.
fn own_build(program: Program, path: PathBuf) -> Build {
    let hash = Sha256::digest(path.as_os_str().as_encoded_bytes());
    Build {
        id: format!("own-{}", hex(&hash[..5])),
        program,
        version: "own".to_owned(),
        os: None,
        arch: None,
        variants: vec![
            Variant::Cuda,
            Variant::Metal,
            Variant::Rocm,
            Variant::Sycl,
            Variant::Vulkan,
            Variant::Cpu,
        ],
        licence: None,
        needs: Needs::default(),
        from: Source::Path(path),
        also: Vec::new(),
    }
}

/// The first program of this sort in the folders of a search path such as `PATH`.
pub fn find_on_path(program: Program, search_path: &OsStr) -> Option<PathBuf> {
    // An empty entry means the current folder, where nobody's server is.
    let folders: Vec<_> = std::env::split_paths(search_path).filter(|folder| folder.is_absolute()).collect();
    let names = program.executables().iter().map(|name| file_name(name));
    names.flat_map(|name| folders.iter().map(move |folder| folder.join(&name))).find(|path| path.is_file())
}
