//! The backend itself: plans, estimates, starts and stops.

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use loadmaster_core::{
    Backend, BackendContext, BackendError, Estimate, Failure, Health, Instance, InstanceId, LaunchPlan,
    LoadRequest, Machine, Model, ModelKind,
};
use loadmaster_supervise::{Supervisor, settled};

use crate::{
    builds::Builds,
    components::Components,
    history::{self, History, Peak},
    instances::Instances,
    loras,
    model::ModelFiles,
    options::Options,
    planner, programs,
    settings::{Asked, Mode, Settings},
    work_folder::off_thread,
};

/// Runs image models with `sd-server` and `sd-cli`.
#[derive(Debug)]
pub struct SdBackend {
    pub(crate) context: BackendContext,
    pub(crate) options: Options,
    pub(crate) supervisor: Supervisor,
    pub(crate) history: History,
    pub(crate) instances: Instances,
    pub(crate) builds: Builds,
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
        let supervisor = Supervisor::open(&context.state_dir.join("children").join(Self::ID))
            .map_err(|error| BackendError::system("opening the journal of children", error))?;
        let backend = Self {
            history: History::open(context.state_dir.join(Self::ID).join("history.json")),
            context: context.clone(),
            options,
            supervisor,
            instances: Instances::default(),
            builds: Builds::default(),
        };
        // What requests of a program that was killed left behind.
        let _ = std::fs::remove_dir_all(backend.work_dir());
        Ok(Arc::new(backend))
    }

    /// Where processes have their folders.
    pub(crate) fn work_dir(&self) -> PathBuf {
        self.context.state_dir.join(Self::ID).join("work")
    }

    /// The program for `mode`.
    fn locate(&self, mode: Mode) -> Result<PathBuf, BackendError> {
        let (mut server, mut cli) = (self.options.server.clone(), self.options.cli.clone());
        if server.is_none() && cli.is_none() {
            let found = |option| self.context.programs.get(Self::ID, option);
            (server, cli) = (found("server"), found("cli"));
        }
        let (own, other) = if mode == Mode::Resident { (server, cli) } else { (cli, server) };
        programs::locate(mode, own.as_deref(), other.as_deref(), &self.context)
    }

    /// The plan of these settings, for this machine or for one that is only imagined.
    fn plan_of(
        &self,
        model: &Model,
        settings: &Settings,
        machine: &Machine,
    ) -> Result<LaunchPlan, BackendError> {
        let mut plan = LaunchPlan::new(Self::ID, model.clone());
        plan.server = if machine.hypothetical { None } else { Some(self.locate(settings.mode)?) };
        plan.settings = match serde_json::to_value(settings) {
            Ok(serde_json::Value::Object(settings)) => settings,
            other => {
                return Err(BackendError::system("writing the plan's settings", format!("{other:?}")));
            }
        };
        Ok(plan)
    }

    /// What images of the plan's size took here before.
    async fn measured(&self, plan: &LaunchPlan, pixels: u64) -> Option<Peak> {
        plan.server.as_ref()?;
        self.history.peak(&history::key(plan).await, pixels)
    }
}

/// Reads the headers of a model, off the async threads.
pub(crate) async fn read_files(model: &Model, components: &Components) -> Result<ModelFiles, BackendError> {
    let (path, components) = (model.path.clone(), components.clone());
    let read = tokio::task::spawn_blocking(move || ModelFiles::open(&path, &components));
    read.await.map_err(|error| BackendError::system("reading the model's header", error))?
}

/// The model by a path that holds in every folder: programs have a working folder of their own.
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
        if asked.lora_bytes.is_none() {
            let (named, folder) = (asked.loras.clone(), asked.lora_dir.clone());
            let bytes = off_thread(move || Ok(loras::usual_bytes(&named, folder.as_deref()))).await;
            asked.lora_bytes = bytes.ok();
        }
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
            programs::device_of(&self.builds.of(&cli.or(server)?, &self.supervisor).await?, machine)
        };
        let free = asked.mode.is_none();
        let mut settings = planner::plan(asked, &files, machine, device);
        if free {
            let measured = self.measured(&self.plan_of(&model, &settings, machine)?, settings.pixels).await;
            settings.mode = planner::choose(&settings, &files, machine, measured)?;
        }
        files.complete(settings.mode)?;
        self.plan_of(&model, &settings, machine)
    }

    async fn estimate_resources(&self, plan: &LaunchPlan) -> Result<Estimate, BackendError> {
        let settings = Settings::of(plan)?;
        let measured = self.measured(plan, settings.pixels).await;
        read_files(&plan.model, &settings.components).await?.estimate(&settings, measured)
    }

    async fn start(&self, id: InstanceId, plan: Arc<LaunchPlan>) -> Result<Instance, BackendError> {
        self.start_plan(id, plan).await
    }

    async fn stop(&self, instance: &Instance, _patience: Duration) -> Result<(), BackendError> {
        let Some(living) = self.instances.get(&instance.id) else { return Ok(()) };
        let stopped = living.stop(instance).await;
        // Only now: whoever stops it meanwhile waits for the end as well.
        self.instances.forget(&instance.id);
        stopped
    }

    async fn end(&self, instance: &Instance, failure: Failure) -> Result<(), BackendError> {
        if let Some(living) = self.instances.get(&instance.id) {
            // The first reason stands.
            let _ = living.ended_for.set(failure);
        }
        self.stop(instance, Duration::ZERO).await
    }

    fn at_work(&self, instance: &Instance) -> Option<u32> {
        self.instances.get(&instance.id)?.at_work()
    }

    async fn health(&self, instance: &Instance) -> Health {
        if instance.exit.now().is_some() {
            return Health::Dead;
        }
        match self.instances.get(&instance.id) {
            Some(living) => living.health().await,
            None => Health::Dead,
        }
    }

    async fn settled(&self) {
        settled().await;
    }
}
