//! From a plan to an instance that answers.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, AtomicU64},
    },
    time::Duration,
};

use loadmaster_core::{BackendError, ExitSignal, Instance, InstanceId, Kept, LaunchPlan};
use loadmaster_images::Painter;
use loadmaster_upstream::Address;

use crate::{
    SdBackend,
    door::Door,
    history,
    instances::{Living, Way},
    launch,
    one_shot::OneShot,
    resident::Resident,
    server::Post,
    settings::{Mode, Settings},
    studio::Studio,
    work_folder::WorkFolder,
};

impl SdBackend {
    /// Starts `plan`; dropping this halfway ends its process.
    pub(crate) async fn start_plan(
        &self,
        id: InstanceId,
        plan: Arc<LaunchPlan>,
    ) -> Result<Instance, BackendError> {
        let settings = Settings::of(&plan)?;
        let files = crate::backend::read_files(&plan.model, &settings.components).await?;
        let program = plan.server.as_ref().ok_or_else(|| {
            BackendError::system("starting stable-diffusion.cpp", "the plan does not name the program")
        })?;
        let build = self.builds.of(program, &self.supervisor).await?;
        let key = history::key(&plan).await;
        let history = self.history.clone();
        let studio = Studio::new(Arc::clone(&plan), settings.clone(), files.family, build, history, key);
        match settings.mode {
            Mode::Resident => self.start_resident(id, plan, settings, studio).await,
            Mode::OneShot => self.start_one_shot(id, plan, studio).await,
        }
    }

    async fn start_resident(
        &self,
        id: InstanceId,
        plan: Arc<LaunchPlan>,
        settings: Settings,
        studio: Studio,
    ) -> Result<Instance, BackendError> {
        let post = Post::choose(self.options.port)?;
        let upstream = post.upstream()?;
        let folder = WorkFolder::new(&self.work_dir()).await?;
        let spec = post.spec(&plan, &settings, folder.path())?;
        // From here on, dropping `child` ends the server.
        let log = self.context.log_path(&plan.model);
        let child = launch::spawn(&self.supervisor, spec, log, self.options.parent_death_signal).await?;
        let deadline = Duration::from_secs(settings.start_timeout);
        post.wait_ready(&child, &upstream, &plan, deadline).await?;
        studio.loaded(&child.tail());
        let painter = Arc::new(Resident {
            studio,
            upstream: upstream.clone(),
            child: Arc::new(child),
            largest: AtomicU64::new(0),
            folder: folder.path().to_owned(),
        });
        let pid = Some(painter.child.pid());
        let way = Way::Resident { painter: Arc::clone(&painter), upstream };
        self.open(id, plan, painter, pid, way, Some(folder)).await
    }

    async fn start_one_shot(
        &self,
        id: InstanceId,
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
        let way = Way::OneShot { painter: Arc::clone(&painter) };
        self.open(id, plan, painter, None, way, None).await
    }

    /// Serves `painter`, says where, and enters the instance among the living.
    async fn open(
        &self,
        id: InstanceId,
        plan: Arc<LaunchPlan>,
        painter: Arc<dyn Painter>,
        pid: Option<u32>,
        way: Way,
        folder: Option<WorkFolder>,
    ) -> Result<Instance, BackendError> {
        let address = Address::choose(self.options.transport, &self.context.runtime_dir)?;
        let door = Door::open(address, painter).await?;
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
        self.instances.enter(id, Living { door, way, tell, ended_for: OnceLock::new() }, folder);
        Ok(instance)
    }
}
