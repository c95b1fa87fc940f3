//! What every handler has.

use std::{
    ops::Deref,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use loadmaster_orchestrator::{MachineReader, Orchestrator};
use loadmaster_sysprobe::{Facts, Probe};
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use crate::{Logs, Program, binaries::Installs, downloads::Downloads, library::Shelf, memory::Meter};

/// From how many servers headers are fetched at once, for estimates.
const HEADERS_AT_ONCE: usize = 4;

/// What the API is built of.
#[derive(Debug)]
pub struct Parts {
    /// The one that decides about memory.
    pub orchestrator: Orchestrator,
    /// How it reads the machine.
    pub machine: Arc<dyn MachineReader>,
    /// How the machine is probed for people: with instruction sets, drivers and notes.
    pub probe: Probe,
    /// The models on disk.
    pub library: loadmaster_models::Library,
    /// What it and its servers write down.
    pub logs: Logs,
    /// The user's own folder, which is shown first to who chooses a file.
    pub home: Option<PathBuf>,
    /// The program around it.
    pub program: Arc<dyn Program>,
}

/// What every handler has. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ControlState(Arc<Shared>);

/// The parts, and what is made of them once.
#[derive(Debug)]
struct Shared {
    parts: Parts,
    started_at_ms: u64,
    meter: Arc<Meter>,
    downloads: Downloads,
    installs: Installs,
    /// What is remembered of models.
    shelf: Arc<Shelf>,
    /// Tells that models came or went over this API.
    library_changed: watch::Sender<()>,
    /// What the machine has, once somebody has asked.
    facts: OnceLock<Facts>,
    /// Tells that settings were changed over this API.
    settings: watch::Sender<()>,
    /// Turns of those who fetch headers.
    headers: Semaphore,
}

impl ControlState {
    /// Of these parts. Must be called within a tokio runtime.
    pub fn new(parts: Parts) -> Self {
        let meter = Meter::new(parts.orchestrator.clone(), Arc::clone(&parts.machine));
        let library_changed = watch::Sender::default();
        let downloads =
            Downloads::new(Arc::clone(&parts.program), parts.library.clone(), library_changed.clone());
        let installs = Installs::new(Arc::clone(&parts.program), parts.probe.clone());
        Self(Arc::new(Shared {
            parts,
            installs,
            shelf: Arc::default(),
            library_changed,
            downloads,
            started_at_ms: now_ms(),
            meter,
            facts: OnceLock::new(),
            settings: watch::Sender::default(),
            headers: Semaphore::new(HEADERS_AT_ONCE),
        }))
    }

    /// When this was made: milliseconds since 1970.
    pub(crate) fn started_at_ms(&self) -> u64 {
        self.0.started_at_ms
    }

    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.0.meter
    }

    pub(crate) fn downloads(&self) -> &Downloads {
        &self.0.downloads
    }

    pub(crate) fn installs(&self) -> &Installs {
        &self.0.installs
    }

    /// Waits for a turn to fetch headers, which lasts as long as what this returns.
    pub(crate) async fn fetching_headers(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.0.headers.acquire().await.ok()
    }

    pub(crate) fn shelf(&self) -> &Arc<Shelf> {
        &self.0.shelf
    }

    pub(crate) fn library_changed(&self) {
        self.0.library_changed.send_replace(());
    }

    pub(crate) fn library_changes(&self) -> watch::Receiver<()> {
        self.0.library_changed.subscribe()
    }

    pub(crate) fn settings_changed(&self) {
        self.0.settings.send_replace(());
    }

    pub(crate) fn settings_changes(&self) -> watch::Receiver<()> {
        self.0.settings.subscribe()
    }

    /// What the machine has. Drivers are asked the first time, which blocks.
    pub(crate) fn facts(&self) -> Result<&Facts, loadmaster_sysprobe::Error> {
        if let Some(facts) = self.0.facts.get() {
            return Ok(facts);
        }
        let facts = self.probe.facts()?;
        Ok(self.0.facts.get_or_init(|| facts))
    }
}

impl Deref for ControlState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0.parts
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
