//! Installations and verifications of builds, at work.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use loadmaster_binaries::{Host, Library, Observer, Program as Server, Request, Verified};
use loadmaster_gateway::{Board, News};
use loadmaster_sysprobe::Probe;
use serde_json::json;
use tokio::sync::OnceCell;

use super::{
    progress::{self, Pace},
    shown::{self, Server as Shown},
};
use crate::{
    ApiError, Program, failed,
    logs::ended,
    task::{Task, TaskKind},
};

/// How often listeners are told how far each is.
const EVERY: Duration = Duration::from_millis(250);

/// How many that are over are remembered.
const OVER: usize = 20;

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    /// The best build of a server that works here, or a certain one.
    Install { server: Server, build: Option<String> },
    /// An installed build is compared with what was installed, and tried again.
    Verify { server: Server, build: String },
}

#[derive(Debug)]
struct Entry {
    task: Task,
    wish: Wish,
    pace: Pace,
}

/// Builds of servers, and what is done with them. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Installs(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    desk: Desk,
    entries: Arc<Mutex<(u64, Vec<Entry>)>>,
    board: Board,
}

/// What builds are looked up with.
#[derive(Debug, Clone)]
struct Desk {
    program: Arc<dyn Program>,
    probe: Probe,
    /// This machine, once somebody has asked: drivers take a moment to answer.
    host: Arc<OnceCell<Host>>,
}

impl Desk {
    async fn host(&self) -> Result<Host, ApiError> {
        let probe = self.probe.clone();
        let asked = self.host.get_or_try_init(|| async {
            let facts = tokio::task::spawn_blocking(move || probe.facts()).await;
            let facts = facts.map_err(|error| ended(&error))?.map_err(|error| {
                let message = format!("The machine could not be probed: {error}");
                let remedy = "Check that this program may read /proc and /sys.";
                ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "machine_unreadable", message, remedy)
            })?;
            Ok::<_, ApiError>(Host::of(&facts))
        });
        asked.await.cloned()
    }

    async fn servers(&self) -> Result<Vec<Shown>, ApiError> {
        let (library, host) = (self.program.builds().await?, self.host().await?);
        let looking = tokio::task::spawn_blocking(move || {
            let look = |server| Ok(shown::server(&library.list(server, &host)?, library.catalog()));
            Server::ALL.into_iter().map(look).collect::<Result<_, _>>()
        });
        looking.await.map_err(|error| ended(&error))?.map_err(|error| failed::builds(&error))
    }
}

fn lock(entries: &Mutex<(u64, Vec<Entry>)>) -> MutexGuard<'_, (u64, Vec<Entry>)> {
    entries.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Installs {
    pub(crate) fn new(program: Arc<dyn Program>, probe: Probe) -> Self {
        let desk = Desk { program, probe, host: Arc::default() };
        let entries = Arc::<Mutex<(u64, Vec<Entry>)>>::default();
        let (asked, told) = (desk.clone(), Arc::clone(&entries));
        let board = Board::new(move || {
            let tasks: Vec<_> = lock(&told).1.iter().map(|entry| entry.task.shown()).collect();
            let desk = asked.clone();
            async move {
                // Where they cannot be listed, asking for the list tells why.
                let servers = desk.servers().await.ok();
                let builds = servers.map(|servers| News::new("builds", json!({ "servers": servers })));
                builds.into_iter().chain(tasks.into_iter().map(|task| News::new("install", task))).collect()
            }
        });
        Self(Arc::new(Shared { desk, entries, board }))
    }

    pub(crate) fn board(&self) -> &Board {
        &self.0.board
    }

    pub(super) async fn servers(&self) -> Result<Vec<Shown>, ApiError> {
        self.0.desk.servers().await
    }

    /// Whether a build is the one that is used.
    pub(super) async fn is_used(&self, server: Server, build: &str) -> Result<bool, ApiError> {
        let servers = self.servers().await?;
        Ok(servers.iter().any(|shown| shown.uses(server, build)))
    }

    pub(super) async fn library(&self) -> Result<Library, ApiError> {
        self.0.desk.program.builds().await
    }

    /// Begins what is wanted, or tells of the one that is under way.
    pub(super) async fn begin(&self, wish: Wish) -> Result<Task, ApiError> {
        let (library, host) = (self.library().await?, self.0.desk.host().await?);
        let task = {
            let mut entries = lock(&self.0.entries);
            let same = entries.1.iter().find(|entry| entry.wish == wish).map(|entry| entry.task.clone());
            if let Some(same) = same.as_ref().filter(|same| !same.state.is_over()) {
                return Ok(same.clone());
            }
            entries.0 += 1;
            // Another try of the same has its name: who shows why the last one failed shows how this one does.
            let id = same.map_or_else(|| format!("install-{}", entries.0), |same| same.id);
            let task = new_task(id, &wish);
            entries.1.retain(|entry| entry.wish != wish);
            let spare = entries.1.len().saturating_sub(OVER);
            let over = entries.1.iter().filter(|entry| entry.task.state.is_over());
            let oldest: Vec<_> = over.take(spare).map(|entry| entry.task.id.clone()).collect();
            entries.1.retain(|entry| !oldest.contains(&entry.task.id));
            entries.1.push(Entry { task: task.clone(), wish: wish.clone(), pace: Pace::default() });
            self.tell(&task);
            task
        };
        tokio::spawn(self.clone().run(task.id.clone(), wish, library, host));
        Ok(task)
    }

    fn tell(&self, task: &Task) {
        if self.0.board.is_listened_to() {
            self.0.board.tell(News::new("install", task.shown()));
        }
    }

    async fn run(self, id: String, wish: Wish, library: Library, host: Host) {
        let (heard, own) = (self.clone(), id.clone());
        let observer = Observer::new(move |step| {
            if let Some(entry) = lock(&heard.0.entries).1.iter_mut().find(|entry| entry.task.id == own) {
                progress::advance(&mut entry.task, &mut entry.pace, step, Instant::now());
            }
        });
        let work = work(&wish, &library, &host, &observer);
        tokio::pin!(work);
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut told: Option<Task> = None;
        let outcome = loop {
            tokio::select! {
                outcome = &mut work => break outcome,
                _ = ticks.tick() => {
                    let entries = lock(&self.0.entries);
                    let task = entries.1.iter().map(|entry| &entry.task).find(|task| task.id == id);
                    if let Some(task) = task.filter(|task| told.as_ref() != Some(task)) {
                        self.tell(task);
                        told = Some(task.clone());
                    }
                }
            }
        };
        if let Err(error) = &outcome {
            tracing::warn!(task = id, "it failed: {}", error.body()["error"]["message"]);
        }
        if outcome.is_ok()
            && matches!(wish, Wish::Install { .. })
            && let Err(error) = self.0.desk.program.reload().await
        {
            // It is installed all the same, and used from the next reload on.
            tracing::warn!("a build is not used yet: {}", error.body()["error"]["message"]);
        }
        if let Some(entry) = lock(&self.0.entries).1.iter_mut().find(|entry| entry.task.id == id) {
            entry.task.end(outcome);
            self.tell(&entry.task);
        }
        self.0.board.tell_whole().await;
    }
}

fn new_task(id: String, wish: &Wish) -> Task {
    let (kind, server, source) = match wish {
        Wish::Install { server, build } => {
            (TaskKind::Install, server, build.clone().unwrap_or_else(|| server.to_string()))
        }
        Wish::Verify { server, build } => (TaskKind::Verify, server, build.clone()),
    };
    let server = Some(server.name());
    Task { server, ..Task::new(id, kind, source) }
}

async fn work(wish: &Wish, library: &Library, host: &Host, observer: &Observer) -> Result<(), ApiError> {
    match wish {
        Wish::Install { server, build } => {
            let mut request = Request::new(*server);
            request.wanted.build.clone_from(build);
            let installed = library.install(&request, host, observer).await;
            installed.map(drop).map_err(|error| failed::builds(&error))
        }
        Wish::Verify { server, build } => {
            let verified = library.verify(*server, Some(build), true, host, observer).await;
            let verified = verified.map_err(|error| failed::builds(&error))?;
            verified.iter().find_map(fault).map_or(Ok(()), Err)
        }
    }
}

/// What is wrong with a build, if anything is.
fn fault(verified: &Verified) -> Option<ApiError> {
    let Verified { build, damaged, fault, .. } = verified;
    let again = || "Remove it, and install it again.".to_owned();
    if !damaged.is_empty() {
        let message = format!("{build} is damaged: {}", damaged.join(", "));
        return Some(ApiError::new(StatusCode::CONFLICT, "damaged", message, again()).with("files", damaged));
    }
    let fault = fault.as_ref()?;
    let message = format!("{build} does not work any more: {fault}");
    let remedy = fault.remedy().unwrap_or_else(again);
    Some(ApiError::new(StatusCode::CONFLICT, "does_not_work", message, remedy).with("fault", fault))
}
