//! Starting a child: the journal before and after, the fork between.

use std::io;
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;
use tokio::sync::{mpsc, oneshot, watch};

use crate::child::Child;
use crate::error::SuperviseError;
use crate::exit::ExitWatch;
use crate::group;
use crate::journal::{Journal, Record};
use crate::keeper::Keeper;
use crate::log::LogQueue;
use crate::loose::Runs;
use crate::monitor::Monitor;
use crate::nonce::{self, NONCE_VARIABLE};
use crate::reader::{Sink, read_lines};
use crate::ring::{Ring, Stream};
use crate::spec::Spec;

/// Starts children. One per program; cheap to clone.
#[derive(Clone, Debug)]
pub struct Supervisor {
    journal: Option<Journal>,
}

impl Supervisor {
    /// A supervisor that writes its children down in `journal`, so that the next start of the
    /// program finds those it left behind.
    ///
    /// Without a journal, orphans of a killed program are prevented only where the system does so
    /// (see the crate's guarantees).
    #[must_use]
    pub fn new(journal: Option<Journal>) -> Self {
        Self { journal }
    }

    /// Opens the journal in `folder`, ends what an earlier program left behind there, and writes down in it what is
    /// started. What was found is told in the log; that it could not be looked for is no reason not to go on.
    ///
    /// Blocks for up to two seconds for each child that was left ([`Journal::reap_orphans`]).
    ///
    /// # Errors
    ///
    /// [`SuperviseError::Journal`] if the folder cannot be created.
    pub fn open(folder: &Path) -> Result<Self, SuperviseError> {
        let journal = Journal::open(folder)?;
        match journal.reap_orphans() {
            Ok(reaped) => {
                for orphan in reaped {
                    tracing::info!(?orphan, "found a child of an earlier run");
                }
            }
            Err(error) => tracing::warn!(%error, "children of an earlier run could not be looked for"),
        }
        Ok(Self::new(Some(journal)))
    }

    /// Starts a child.
    ///
    /// Works on any async runtime. If the caller stops waiting, a child that was already started
    /// is killed.
    ///
    /// # Errors
    ///
    /// [`SuperviseError`] names the program and what is wrong with it, its log or the journal; no
    /// child runs then.
    pub async fn spawn(&self, spec: Spec) -> Result<Child, SuperviseError> {
        let program = spec.program.clone();
        let keeper = Keeper::get()?;
        let (answer, answered) = oneshot::channel();
        // Dropped together with this future, or kept by the child.
        let (held, runs) = keeper.loose().ends();
        let task = launch(spec, self.journal.clone(), keeper.clone(), runs);
        keeper.run(async move {
            // If nobody waits any more, the child comes back here, and dropping it kills it.
            drop(answer.send(task.await));
        });
        let mut child = answered.await.unwrap_or(Err(SuperviseError::Abandoned { program }))?;
        child.held = Some(held);
        Ok(child)
    }
}

/// Runs on the keeper's thread.
async fn launch(
    spec: Spec,
    journal: Option<Journal>,
    keeper: Keeper,
    runs: Runs,
) -> Result<Child, SuperviseError> {
    let nonce = nonce::fresh();
    // Written down before there is a child, so that there is no moment at which a child runs that
    // nobody would find again.
    let mut record = match journal {
        Some(journal) => Some(announce(&keeper, journal, &nonce, &spec).await?),
        None => None,
    };
    let started = start(&spec, &nonce);
    let (mut process, log) = match started {
        Ok(started) => started,
        Err(error) => {
            forget(&keeper, record).await;
            return Err(error);
        }
    };
    let pid = process.pid();
    if let Some(announced) = record.take() {
        match complete(&keeper, announced, pid).await {
            Ok(completed) => record = Some(completed),
            Err((announced, error)) => {
                process.leash().kill();
                let _ = process.ended().await;
                forget(&keeper, announced).await;
                return Err(error);
            }
        }
    }
    tracing::debug!(pid, program = %spec.program.display(), "started a child");
    Ok(attach(&spec, process, log, record, &keeper, runs))
}

/// Sets readers and a monitor on a child that has been started.
fn attach(
    spec: &Spec,
    mut process: group::Process,
    log: Option<Log>,
    record: Option<Record>,
    keeper: &Keeper,
    runs: Runs,
) -> Child {
    let (log, logged) = log.unzip();
    let ring = Ring::new(spec.ring_lines);
    let sink = || Sink { ring: ring.clone(), log: log.clone(), keep: spec.keep.map(|filter| filter()) };
    let (cut, cut_seen) = watch::channel(false);
    let stdout = process.take_stdout().map(|pipe| {
        let read = read_lines(pipe, Stream::Stdout, sink(), cut_seen.clone());
        keeper.run(read)
    });
    let stderr =
        process.take_stderr().map(|pipe| keeper.run(read_lines(pipe, Stream::Stderr, sink(), cut_seen)));
    // The log ends with its last reader.
    drop(log);
    let (exit, published) = watch::channel(None);
    let (ask, stops) = mpsc::unbounded_channel();
    let child = Child {
        pid: process.pid(),
        keeper: keeper.clone(),
        ring: ring.clone(),
        leash: process.leash().clone(),
        stops: ask,
        exit: ExitWatch::new(published),
        held: None,
    };
    let monitor = Monitor {
        process,
        keeper: keeper.clone(),
        stops,
        ring,
        readers: stdout.into_iter().chain(stderr).collect(),
        cut,
        logged,
        record,
        runs: Some(runs),
        exit,
    };
    keeper.run(monitor.run());
    child
}

/// The log of a child, and the answer that it is written.
type Log = (LogQueue, oneshot::Receiver<()>);

/// Opens the log and forks.
fn start(spec: &Spec, nonce: &str) -> Result<(group::Process, Option<Log>), SuperviseError> {
    let log = spec.log.as_ref().map(LogQueue::open).transpose()?;
    let process =
        group::start(command(spec, nonce), spec.parent_death_signal).map_err(|error| explain(spec, error))?;
    Ok((process, log))
}

/// The command line, environment and streams of the child.
fn command(spec: &Spec, nonce: &str) -> Command {
    #[expect(clippy::disallowed_methods, reason = "this is the one place where children are made")]
    let mut command = Command::new(&spec.program);
    command.args(&spec.args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in &spec.env_remove {
        command.env_remove(name);
    }
    for (name, value) in &spec.env {
        command.env(name, value);
    }
    command.env(NONCE_VARIABLE, nonce);
    if let Some(folder) = &spec.cwd {
        command.current_dir(folder);
    }
    command
}

/// What a refusal by the system means. ENOENT alone has three causes.
fn explain(spec: &Spec, source: io::Error) -> SuperviseError {
    let program = spec.program.clone();
    if let Some(folder) = spec.cwd.as_ref().filter(|folder| !folder.is_dir()) {
        return SuperviseError::WorkingFolder { program, folder: folder.clone() };
    }
    let wrong_format = source.raw_os_error() == Some(group::WRONG_FORMAT);
    match source.kind() {
        io::ErrorKind::NotFound if exists(spec) => SuperviseError::NoLoader { program },
        io::ErrorKind::NotFound => SuperviseError::NotFound { program },
        io::ErrorKind::PermissionDenied => SuperviseError::NotExecutable { program, source },
        _ if wrong_format => SuperviseError::NotExecutable { program, source },
        _ => SuperviseError::Spawn { program, source },
    }
}

/// Whether the program was given as a path and there is a file.
fn exists(spec: &Spec) -> bool {
    let is_path = spec.program.components().count() > 1;
    let folder = spec.cwd.as_deref().unwrap_or(Path::new("."));
    is_path && folder.join(&spec.program).is_file()
}

async fn announce(
    keeper: &Keeper,
    journal: Journal,
    nonce: &str,
    spec: &Spec,
) -> Result<Record, SuperviseError> {
    let (nonce, program) = (nonce.to_owned(), spec.program.clone());
    let announced = keeper.blocking(move || journal.announce(nonce, program));
    let program = spec.program.clone();
    announced.await.unwrap_or(Err(SuperviseError::Abandoned { program }))
}

/// Adds the process to its record; gives the record back when that fails.
async fn complete(
    keeper: &Keeper,
    mut record: Record,
    pid: u32,
) -> Result<Record, (Option<Record>, SuperviseError)> {
    let program = record.program().to_owned();
    let completed = keeper.blocking(move || {
        let result = record.complete(pid);
        (record, result)
    });
    match completed.await {
        Some((record, Ok(()))) => Ok(record),
        Some((record, Err(error))) => Err((Some(record), error)),
        None => Err((None, SuperviseError::Abandoned { program })),
    }
}

async fn forget(keeper: &Keeper, record: Option<Record>) {
    if let Some(record) = record {
        keeper.blocking(move || record.remove()).await;
    }
}
