//! Registry, orchestrator and models, as the configuration has them.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use loadmaster_core::{BackendContext, LoadRequest, Model, ModelKind, Registry, Settings};
use loadmaster_orchestrator::{MachineReader, ModelRules, Orchestrator, Policy, ThisMachine};

use crate::{Failed, config::Config};

/// Makes the backends and starts the orchestrator on this machine. Loads nothing.
pub(crate) fn start(config: &Config) -> Result<Orchestrator, Failed> {
    start_on(config, Arc::new(ThisMachine::new()))
}

/// The same, on a machine of the caller's.
pub(crate) fn start_on(config: &Config, machine: Arc<dyn MachineReader>) -> Result<Orchestrator, Failed> {
    config.folders.make()?;
    let context = BackendContext {
        runtime_dir: config.folders.runtime.clone(),
        log_dir: config.folders.logs.clone(),
        state_dir: config.folders.state.clone(),
        search_path: config.search_path.clone(),
        options: config.backends.clone(),
    };
    let registry = Registry::registered(&context).map_err(|error| Failed::backend(&error))?;
    if let Some(stranger) = config.backends.keys().find(|id| registry.get(id).is_none()) {
        let known: Vec<&str> = registry.ids().collect();
        let cause =
            format!("The configuration has a section [backends.{stranger}], and there is no such backend");
        return Err(Failed::usage(cause).remedy(format!("This program has {}.", known.join(", "))));
    }
    let measurements = Some(config.folders.state.join("measurements.json"));
    Ok(Orchestrator::new(registry, machine, Policy { measurements, ..config.policy.clone() }))
}

/// Adds the model in `file`, named after it; returns its name.
pub(crate) async fn add(
    orchestrator: &Orchestrator,
    file: &Path,
    settings: Settings,
    rules: &BTreeMap<String, ModelRules>,
) -> Result<String, Failed> {
    let request = request(file, settings);
    let id = request.model.id.clone();
    orchestrator.add_with(request, rules.get(&id).copied().unwrap_or_default()).await?;
    Ok(id)
}

/// Asks for the model in `file`, named after it.
pub(crate) fn request(file: &Path, settings: Settings) -> LoadRequest {
    // Servers are started in other folders than this one.
    let path = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    LoadRequest { model: Model::from_file(ModelKind::Text, path), settings }
}
