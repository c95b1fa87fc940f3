//! The backend itself: plans, estimates, starts, watches and stops `llama-server`.

use std::{
    collections::HashMap,
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use loadmaster_core::{
    Backend, BackendContext, BackendError, DeviceKind, Estimate, ExitSender, ExitSignal, Failure, Health,
    Instance, InstanceId, Kept, LaunchPlan, LoadRequest, Machine, Model, ModelKind,
};
use loadmaster_supervise::{Child, ExitStatus, ExitWatch, LogFile, Supervisor, settled};
use loadmaster_upstream::Upstream;

use crate::{
    ask::{Answer, ask},
    companions::Companions,
    conversations::Conversations,
    diagnose::diagnose,
    header::{self, Needed, Role},
    health,
    instance::{self, Address},
    memory::{self, ModelShape},
    options::Options,
    output, planner,
    server::{self, ServerDevice},
    settings::{Asked, GpuLayers, Settings},
    ways::Ways,
};

/// Runs text models with `llama-server`.
#[derive(Debug)]
pub struct LlamaBackend {
    context: BackendContext,
    options: Options,
    conversations: Conversations,
    supervisor: Supervisor,
    children: Arc<Children>,
    /// What builds answered to `--list-devices`, by program.
    devices: Mutex<HashMap<PathBuf, Vec<ServerDevice>>>,
    /// What a server last answered about a plan: it is looked at before it is started.
    asked: Mutex<Option<(LaunchPlan, Arc<Answer>)>>,
}

/// The living servers. Held for an instant at a time, never across an await.
#[derive(Debug, Default)]
struct Children(Mutex<HashMap<InstanceId, Server>>);

/// A living server.
#[derive(Debug)]
struct Server {
    child: Child,
    /// Why it is ended, where that is no secret of its own.
    ended_for: Arc<OnceLock<Failure>>,
}

impl Children {
    fn locked(&self) -> std::sync::MutexGuard<'_, HashMap<InstanceId, Server>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LlamaBackend {
    /// The backend's id.
    pub const ID: &'static str = "llama";

    /// Makes the backend, and ends the servers that an earlier program of ours left behind.
    ///
    /// # Errors
    /// The backend's section of the configuration is wrong, or a folder cannot be used.
    pub fn make(context: &BackendContext) -> Result<Arc<dyn Backend>, BackendError> {
        let options = Options::read(context.options.get(Self::ID))?;
        let supervisor = Supervisor::open(&context.state_dir.join("children").join(Self::ID))
            .map_err(|error| BackendError::system("opening the journal of children", error))?;
        Ok(Arc::new(Self {
            context: context.clone(),
            conversations: Conversations::new(&context.state_dir, options.conversations),
            options,
            supervisor,
            children: Arc::default(),
            devices: Mutex::default(),
            asked: Mutex::default(),
        }))
    }

    /// The server to start.
    fn locate(&self) -> Result<PathBuf, BackendError> {
        let named = self.options.server.clone().or_else(|| self.context.programs.get(Self::ID, "server"));
        server::locate(named.as_deref(), &self.context)
    }

    /// The GPUs that `server` can use on `machine`. Asks the server once, and only when it matters:
    /// the question costs a tenth of a second.
    async fn server_devices(
        &self,
        server: &Path,
        asked: &Asked,
        machine: &Machine,
    ) -> Result<Vec<ServerDevice>, BackendError> {
        let wanted = !asked.devices.is_empty()
            || asked.gpu_layers.is_some_and(|layers| layers != GpuLayers::Number(0));
        let hardware = |kind| matches!(kind, DeviceKind::Discrete | DeviceKind::Integrated);
        if !wanted && !machine.devices.iter().any(|device| hardware(device.kind)) {
            return Ok(Vec::new());
        }
        let known = self.devices.lock().unwrap_or_else(PoisonError::into_inner).get(server).cloned();
        if let Some(devices) = known {
            return Ok(devices);
        }
        let devices = server::list_devices(server, &self.supervisor).await?;
        self.devices
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(server.to_owned(), devices.clone());
        Ok(devices)
    }

    /// What the server says that `plan` takes; asked once for one plan after the other.
    async fn ask(&self, plan: &LaunchPlan, settings: &Settings, shape: &ModelShape) -> Option<Arc<Answer>> {
        let last = || self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((asked, answer)) = &*last()
            && asked == plan
        {
            return Some(Arc::clone(answer));
        }
        let place = (self.options.transport, self.context.runtime_dir.as_path());
        let answer = Arc::new(ask(&self.supervisor, place, plan, settings, shape).await?);
        *last() = Some((plan.clone(), Arc::clone(&answer)));
        Some(answer)
    }
}

/// The model by the file that the server is given.
async fn loaded(model: &Model) -> Result<Model, BackendError> {
    let path = model.path.clone();
    let first = tokio::task::spawn_blocking(move || header::first_file(&path)).await;
    let path = first.map_err(|error| BackendError::system("reading the model's header", error))?;
    Ok(Model { path, ..model.clone() })
}

/// Reads the headers of a model and of what is loaded with it, off the async threads.
async fn read_shape(model: &Model, needed: Needed, ways: &Ways) -> Result<ModelShape, BackendError> {
    let (path, ways) = (model.path.clone(), ways.clone());
    let read = tokio::task::spawn_blocking(move || {
        let shape = ModelShape::of(&header::read(&path, Role::Model, needed)?);
        Ok(shape.with(Companions::read(&ways, needed)?))
    });
    read.await.map_err(|error| BackendError::system("reading the model's header", error))?
}

#[async_trait]
impl Backend for LlamaBackend {
    fn id(&self) -> &'static str {
        Self::ID
    }

    fn supports(&self, model: &Model) -> bool {
        model.kind == ModelKind::Text
    }

    async fn check(&self, request: &LoadRequest) -> Result<(), BackendError> {
        let asked = Asked::read(&request.settings)?;
        read_shape(&request.model, Needed::All, &asked.ways).await?;
        self.locate().map(drop)
    }

    async fn plan(&self, request: &LoadRequest, machine: &Machine) -> Result<LaunchPlan, BackendError> {
        let asked = Asked::read(&request.settings)?;
        let model = loaded(&request.model).await?;
        let shape = read_shape(&model, Needed::of(machine.hypothetical), &asked.ways).await?;
        let (server, devices) = if machine.hypothetical {
            (None, server::assumed_devices(machine))
        } else {
            let server = self.locate()?;
            let devices = self.server_devices(&server, &asked, machine).await?;
            (Some(server), devices)
        };
        let settings = planner::plan(asked, &shape, machine, &devices)?;
        let mut plan = LaunchPlan::new(Self::ID, model);
        plan.server = server;
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
        // A plan for a machine that somebody made up names no server.
        let imagined = plan.server.is_none();
        let shape = read_shape(&plan.model, Needed::of(imagined), &settings.ways).await?;
        let computed = memory::estimate(&shape, &settings);
        if imagined || !self.options.ask || !settings.ways.are_in_the_dry_run() {
            return Ok(computed);
        }
        Ok(match self.ask(plan, &settings, &shape).await {
            Some(answer) => answer.complete(computed),
            None => computed,
        })
    }

    async fn start(&self, id: InstanceId, plan: Arc<LaunchPlan>) -> Result<Instance, BackendError> {
        let settings = Settings::of(&plan)?;
        let address = Address::choose(self.options.transport, &self.context.runtime_dir)?;
        let upstream = Upstream::new(address.endpoint())
            .map_err(|error| BackendError::system("preparing to talk to llama-server", error))?;
        let kept_in = self.conversations.prepare(&plan);
        // From here on, dropping `child` ends the server.
        let spec = instance::spec(&plan, &settings, &address)?
            .args(kept_in.iter().flat_map(|folder| [OsStr::new("--slot-save-path"), folder.as_os_str()]))
            .log(LogFile::new(self.context.log_path(&plan.model)))
            .parent_death_signal(self.options.parent_death_signal);
        let child = instance::spawn(&self.supervisor, spec).await?;
        let deadline = Duration::from_secs(settings.start_timeout);
        let shape = read_shape(&plan.model, Needed::All, &settings.ways).await?;
        let expected = memory::estimate(&shape, &settings);
        instance::wait_ready(&child, &upstream, &address, &plan, deadline).await?;
        let measured = output::measured(&child.tail(), &settings, &expected);
        let restored = match kept_in {
            Some(_) => self.conversations.restore(&plan, &upstream, settings.parallel).await,
            None => Kept::default(),
        };
        let (exit, signal) = ExitSignal::new();
        let instance = Instance {
            id: id.clone(),
            plan,
            endpoint: address.endpoint().clone(),
            pid: Some(child.pid()),
            measured,
            slots: Some(settings.parallel),
            restored,
            exit: signal,
        };
        let ended_for = Arc::new(OnceLock::new());
        let end = End { exit: child.exit(), ended_for: Arc::clone(&ended_for), tell: exit };
        tokio::spawn(watch(id.clone(), end, address, Arc::downgrade(&self.children)));
        self.children.locked().insert(id, Server { child, ended_for });
        Ok(instance)
    }

    async fn save(&self, instance: &Instance) -> Result<Kept, BackendError> {
        let settings = Settings::of(&instance.plan)?;
        let upstream = Upstream::new(&instance.endpoint)
            .map_err(|error| BackendError::system("preparing to talk to llama-server", error))?;
        let devices = instance.measured.iter().flat_map(|measured| &measured.devices);
        let cache = devices.map(|part| part.kv_cache).fold(0, u64::saturating_add);
        Ok(self.conversations.save(&instance.plan, &upstream, settings.parallel, cache).await)
    }

    async fn stop(&self, instance: &Instance, patience: Duration) -> Result<(), BackendError> {
        let server = self.children.locked().remove(&instance.id);
        if let Some(Server { child, .. }) = server {
            let kindly = Settings::of(&instance.plan).is_ok_and(|settings| settings.ends_kindly());
            let exit = child.stop(if kindly { patience } else { Duration::ZERO }).await;
            // This program may end next: what the server left must be cleared away before.
            instance.exit.wait().await;
            tracing::info!(instance = %instance.id, status = %exit.status, "stopped");
            if exit.status == ExitStatus::Unknown {
                let cause = "the system still holds its process; a driver may hang";
                return Err(BackendError::system("ending llama-server", cause));
            }
        }
        Ok(())
    }

    async fn end(&self, instance: &Instance, failure: Failure) -> Result<(), BackendError> {
        if let Some(server) = self.children.locked().get(&instance.id) {
            // The first reason stands.
            let _ = server.ended_for.set(failure);
        }
        self.stop(instance, Duration::ZERO).await
    }

    async fn settled(&self) {
        settled().await;
    }

    async fn health(&self, instance: &Instance) -> Health {
        if instance.exit.now().is_some() {
            return Health::Dead;
        }
        let upstream = match Upstream::new(&instance.endpoint) {
            Ok(upstream) => upstream,
            Err(error) => return Health::Failing { cause: error.to_string() },
        };
        health::ask(&upstream).await
    }
}

/// What is known of a server's end, and who is told.
struct End {
    exit: ExitWatch,
    ended_for: Arc<OnceLock<Failure>>,
    tell: ExitSender,
}

/// Waits for the server's end, clears its socket away, tells everyone why, and forgets it.
async fn watch(id: InstanceId, end: End, address: Address, children: std::sync::Weak<Children>) {
    let exit = end.exit.wait().await;
    drop(address);
    let failure = match end.ended_for.get() {
        Some(reason) => Failure { last_lines: exit.last_lines.clone(), ..reason.clone() },
        None => diagnose(&exit),
    };
    end.tell.send(failure);
    if let Some(children) = children.upgrade() {
        children.locked().remove(&id);
    }
}
