//! The backend itself: plans, estimates, starts, watches and stops.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use loadmaster_core::{
    Backend, BackendContext, BackendError, Estimate, ExitSender, ExitSignal, Failure, FailureReason, Health,
    Instance, InstanceId, Kept, LaunchPlan, LoadRequest, Machine, Model, ModelKind,
};
use loadmaster_images::Painter;
use loadmaster_supervise::{Child, ExitStatus, Journal, Supervisor};
use loadmaster_upstream::{Address, Upstream};

use crate::{
    components::Components,
    diagnose::diagnose,
    door::Door,
    history::{self, History},
    launch,
    model::ModelFiles,
    one_shot::OneShot,
    options::Options,
    planner,
    programs::{self, Build},
    resident::{Resident, was_killed},
    server::{self, Post},
    settings::{Asked, Mode, Settings},
    studio::{Studio, WorkFolder},
};

/// Runs image models with `sd-server` and `sd-cli`.
#[derive(Debug)]
pub struct SdBackend {
    context: BackendContext,
    options: Options,
    supervisor: Supervisor,
    history: History,
    instances: Arc<Instances>,
    /// What builds said of themselves, by program.
    builds: Mutex<HashMap<PathBuf, Build>>,
}

/// The living instances. Held for an instant at a time, never across an await.
#[derive(Debug, Default)]
struct Instances(Mutex<HashMap<InstanceId, Arc<Living>>>);

/// A living instance.
#[derive(Debug)]
struct Living {
    door: Arc<Door>,
    way: Way,
    /// Why it is ended, where that is no secret of its own.
    ended_for: Arc<OnceLock<Failure>>,
}

/// How it paints.
#[derive(Debug)]
enum Way {
    Resident { painter: Arc<Resident>, upstream: Upstream },
    OneShot { painter: Arc<OneShot>, tell: ExitSender },
}

impl Instances {
    fn locked(&self) -> std::sync::MutexGuard<'_, HashMap<InstanceId, Arc<Living>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SdBackend {
    /// The backend's id.
    pub const ID: &'static str = "sd";

    /// Makes the backend, and ends the servers that an earlier program of ours left behind.
    ///
    /// # Errors
    /// The backend's section of the configuration is wrong, or a folder cannot be used.
    pub fn make(context: &BackendContext) -> Result<Arc<dyn Backend>, BackendError> {
        let options = Options::read(context.options.get(Self::ID))?;
        let journal = Journal::open(&context.state_dir.join("children").join(Self::ID))
            .map_err(|error| BackendError::system("opening the journal of children", error))?;
        match journal.reap_orphans() {
            Ok(reaped) => {
                for orphan in reaped {
                    tracing::info!(?orphan, "found a child of an earlier run");
                }
            }
            Err(error) => tracing::warn!(%error, "orphans of an earlier run could not be looked for"),
        }
        let backend = Self {
            history: History::open(context.state_dir.join(Self::ID).join("history.json")),
            context: context.clone(),
            options,
            supervisor: Supervisor::new(Some(journal)),
            instances: Arc::default(),
            builds: Mutex::default(),
        };
        // What requests of a program that was killed left behind.
        let _ = std::fs::remove_dir_all(backend.work_dir());
        Ok(Arc::new(backend))
    }

    fn work_dir(&self) -> PathBuf {
        self.context.state_dir.join(Self::ID).join("work")
    }

    /// The program for `mode`.
    fn locate(&self, mode: Mode) -> Result<PathBuf, BackendError> {
        let (server, cli) = (self.options.server.as_deref(), self.options.cli.as_deref());
        let (own, other) = if mode == Mode::Resident { (server, cli) } else { (cli, server) };
        programs::locate(mode, own, other, &self.context)
    }

    /// What a build can do; asked once.
    async fn build(&self, program: &Path) -> Result<Build, BackendError> {
        let known = || self.builds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(build) = known().get(program).cloned() {
            return Ok(build);
        }
        let build = programs::ask(program, &self.supervisor).await?;
        known().insert(program.to_owned(), build.clone());
        Ok(build)
    }

    async fn start_resident(
        &self,
        id: &InstanceId,
        plan: Arc<LaunchPlan>,
        settings: Settings,
        studio: Studio,
    ) -> Result<Instance, BackendError> {
        let post = Post::choose(self.options.port)?;
        let upstream = post.upstream()?;
        let folder = WorkFolder::new(&self.work_dir())?;
        let spec = post.spec(&plan, &settings, &folder.0)?;
        // From here on, dropping `child` ends the server.
        let log = self.context.log_path(&plan.model);
        let child = launch::spawn(&self.supervisor, spec, log, self.options.parent_death_signal).await?;
        let deadline = Duration::from_secs(settings.start_timeout);
        post.wait_ready(&child, &upstream, &plan, deadline).await?;
        let child = Arc::new(child);
        let painter = Arc::new(Resident {
            studio,
            upstream: upstream.clone(),
            child: Arc::clone(&child),
            largest: AtomicU64::new(0),
        });
        let pid = Some(child.pid());
        let (instance, door, tell) = self.opened(id, plan, Arc::clone(&painter) as _, pid).await?;
        let ended_for = Arc::new(OnceLock::new());
        let end = End { child, ended_for: Arc::clone(&ended_for), door: Arc::clone(&door), tell, folder };
        tokio::spawn(watch(id.clone(), end, Arc::downgrade(&self.instances)));
        let living = Living { door, way: Way::Resident { painter, upstream }, ended_for };
        self.instances.locked().insert(id.clone(), Arc::new(living));
        Ok(instance)
    }

    async fn start_one_shot(
        &self,
        id: &InstanceId,
        plan: Arc<LaunchPlan>,
        studio: Studio,
    ) -> Result<Instance, BackendError> {
        let painter = Arc::new(OneShot {
            studio,
            supervisor: self.supervisor.clone(),
            folder: self.work_dir(),
            log: self.context.log_path(&plan.model),
            parent_death_signal: self.options.parent_death_signal,
            pid: Arc::new(AtomicU32::new(0)),
        });
        let (instance, door, tell) = self.opened(id, plan, Arc::clone(&painter) as _, None).await?;
        let living = Living { door, way: Way::OneShot { painter, tell }, ended_for: Arc::default() };
        self.instances.locked().insert(id.clone(), Arc::new(living));
        Ok(instance)
    }

    /// Serves `painter`, and says where.
    async fn opened(
        &self,
        id: &InstanceId,
        plan: Arc<LaunchPlan>,
        painter: Arc<dyn Painter>,
        pid: Option<u32>,
    ) -> Result<(Instance, Arc<Door>, ExitSender), BackendError> {
        let address = Address::choose(self.options.transport, &self.context.runtime_dir)?;
        let door = Arc::new(Door::open(address, painter).await?);
        let (tell, exit) = ExitSignal::new();
        let instance = Instance {
            id: id.clone(),
            plan,
            endpoint: door.endpoint.clone(),
            pid,
            // The peak comes with the first image, and is remembered here (`History`).
            measured: None,
            slots: Some(1),
            restored: Kept::default(),
            exit,
        };
        Ok((instance, door, tell))
    }
}

/// Reads the headers of a model, off the async threads.
async fn read_files(model: &Model, components: &Components) -> Result<ModelFiles, BackendError> {
    let (path, components) = (model.path.clone(), components.clone());
    let read = tokio::task::spawn_blocking(move || ModelFiles::open(&path, &components));
    read.await.map_err(|error| BackendError::system("reading the model's header", error))?
}

/// The components without the role that the model's own file has in a plan.
fn absolute(model: &Model) -> Model {
    let path = std::path::absolute(&model.path).unwrap_or_else(|_| model.path.clone());
    Model { path, ..model.clone() }
}

#[async_trait]
impl Backend for SdBackend {
    fn id(&self) -> &'static str {
        Self::ID
    }

    fn supports(&self, model: &Model) -> bool {
        model.kind == ModelKind::Image
    }

    async fn check(&self, request: &LoadRequest) -> Result<(), BackendError> {
        let asked = Asked::read(&request.settings)?;
        let mode = asked.mode.unwrap_or(Mode::OneShot);
        read_files(&request.model, &asked.components).await?.complete(mode)?;
        match asked.mode {
            Some(mode) => self.locate(mode).map(drop),
            // Either will do.
            None => self.locate(Mode::Resident).or_else(|_| self.locate(Mode::OneShot)).map(drop),
        }
    }

    async fn plan(&self, request: &LoadRequest, machine: &Machine) -> Result<LaunchPlan, BackendError> {
        let mut asked = Asked::read(&request.settings)?;
        let model = absolute(&request.model);
        let files = read_files(&model, &asked.components).await?;
        let device = if machine.hypothetical {
            machine.devices.get(1).map(|device| device.id.to_string())
        } else {
            let (server, cli) = (self.locate(Mode::Resident), self.locate(Mode::OneShot));
            // With one of the two programs alone there is nothing to choose.
            asked.mode = asked.mode.or(match (&server, &cli) {
                (Ok(_), Err(_)) => Some(Mode::Resident),
                (Err(_), Ok(_)) => Some(Mode::OneShot),
                _ => None,
            });
            programs::device_of(&self.build(&cli.or(server)?).await?, machine)
        };
        let settings = planner::plan(asked, &files, machine, device)?;
        let mut plan = LaunchPlan::new(Self::ID, model);
        plan.server = if machine.hypothetical { None } else { Some(self.locate(settings.mode)?) };
        plan.settings = match serde_json::to_value(settings) {
            Ok(serde_json::Value::Object(settings)) => settings,
            other => {
                return Err(BackendError::system("writing the plan's settings", format!("{other:?}")));
            }
        };
        Ok(plan)
    }

    async fn estimate_resources(&self, plan: &LaunchPlan) -> Result<Estimate, BackendError> {
        let settings = Settings::of(plan)?;
        let measured = match plan.server {
            Some(_) => self.history.peak(&history::key(plan), settings.pixels),
            None => None,
        };
        read_files(&plan.model, &settings.components).await?.estimate(&settings, measured)
    }

    async fn start(&self, id: InstanceId, plan: Arc<LaunchPlan>) -> Result<Instance, BackendError> {
        let settings = Settings::of(&plan)?;
        let files = read_files(&plan.model, &settings.components).await?;
        let program = plan.server.as_ref().ok_or_else(|| {
            BackendError::system("starting stable-diffusion.cpp", "the plan does not name the program")
        })?;
        let build = self.build(program).await?;
        let studio =
            Studio::new(Arc::clone(&plan), settings.clone(), files.family, build, self.history.clone());
        match settings.mode {
            Mode::Resident => self.start_resident(&id, plan, settings, studio).await,
            Mode::OneShot => self.start_one_shot(&id, plan, studio).await,
        }
    }

    async fn stop(&self, instance: &Instance, _patience: Duration) -> Result<(), BackendError> {
        let Some(living) = self.instances.locked().remove(&instance.id) else { return Ok(()) };
        match &living.way {
            Way::Resident { painter, .. } => {
                // It has nothing to put in order, and no handler for a kind word.
                let exit = painter.child.stop(Duration::ZERO).await;
                instance.exit.wait().await;
                tracing::info!(instance = %instance.id, status = %exit.status, "stopped");
                if exit.status == ExitStatus::Unknown {
                    let cause = "the system still holds its process; a driver may hang";
                    return Err(BackendError::system("ending sd-server", cause));
                }
            }
            Way::OneShot { painter, tell } => {
                // Whoever is being painted for is gone with the connection, and the process with them.
                living.door.cut();
                painter.studio.quiet().await;
                let failure = living.ended_for.get().cloned();
                tell.send(failure.unwrap_or_else(|| Failure::new(FailureReason::Stopped)));
                tracing::info!(instance = %instance.id, "stopped");
            }
        }
        Ok(())
    }

    async fn end(&self, instance: &Instance, failure: Failure) -> Result<(), BackendError> {
        if let Some(living) = self.instances.locked().get(&instance.id) {
            // The first reason stands.
            let _ = living.ended_for.set(failure);
        }
        self.stop(instance, Duration::ZERO).await
    }

    async fn health(&self, instance: &Instance) -> Health {
        if instance.exit.now().is_some() {
            return Health::Dead;
        }
        let Some(living) = self.instances.locked().get(&instance.id).cloned() else { return Health::Dead };
        let (studio, pid) = match &living.way {
            Way::Resident { painter, .. } => (&painter.studio, Some(painter.child.pid())),
            Way::OneShot { painter, .. } => {
                (&painter.studio, Some(painter.pid.load(Ordering::Relaxed)).filter(|pid| *pid > 0))
            }
        };
        if let Some(progress) = studio.pulse(pid) {
            return Health::Working { progress };
        }
        match &living.way {
            Way::Resident { upstream, .. } if !server::answers(upstream).await => {
                Health::Failing { cause: "sd-server does not list its model".to_owned() }
            }
            _ => Health::Ready,
        }
    }
}

/// What is known of a server's end, and who is told.
struct End {
    child: Arc<Child>,
    ended_for: Arc<OnceLock<Failure>>,
    door: Arc<Door>,
    tell: ExitSender,
    folder: WorkFolder,
}

/// Waits for the server's end, closes the door, tells everyone why, and forgets it.
async fn watch(id: InstanceId, end: End, instances: Weak<Instances>) {
    let exit = end.child.exit().wait().await;
    if was_killed(&exit) {
        end.door.cut();
    } else {
        // It died of its work: whoever it worked for is told so.
        end.door.finish().await;
    }
    drop(end.folder);
    let failure = match end.ended_for.get() {
        Some(reason) => Failure { last_lines: exit.last_lines.clone(), ..reason.clone() },
        None => diagnose(&exit),
    };
    end.tell.send(failure);
    if let Some(instances) = instances.upgrade() {
        instances.locked().remove(&id);
    }
}
