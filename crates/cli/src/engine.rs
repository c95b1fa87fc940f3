//! Registry and orchestrator, as the configuration has them.

use std::sync::Arc;

use loadmaster_core::{BackendContext, Programs, Registry};
use loadmaster_orchestrator::{MachineReader, Orchestrator, Policy, ThisMachine};

use crate::{Failed, builds, config::Config};

/// Makes the backends and starts the orchestrator on this machine. Loads nothing.
pub(crate) fn start(config: &Config) -> Result<Orchestrator, Failed> {
    start_on(config, Arc::new(ThisMachine::new()))
}

/// The same, on a machine of the caller's.
pub(crate) fn start_on(config: &Config, machine: Arc<dyn MachineReader>) -> Result<Orchestrator, Failed> {
    start_with(config, machine, Programs::new(builds::programs(config)))
}

/// The same, with programs that may change while it runs.
pub(crate) fn start_with(
    config: &Config,
    machine: Arc<dyn MachineReader>,
    programs: Programs,
) -> Result<Orchestrator, Failed> {
    config.folders.make()?;
    let context = BackendContext {
        runtime_dir: config.folders.runtime.clone(),
        log_dir: config.folders.logs.clone(),
        state_dir: config.folders.state.clone(),
        search_path: config.search_path.clone(),
        options: config.backends.clone(),
        programs,
    };
    let registry = Registry::registered(&context).map_err(|error| Failed::backend(&error))?;
    check_sections(config)?;
    Ok(Orchestrator::new(registry, machine, policy(config)))
}

/// Refuses sections for backends that there are not.
pub(crate) fn check_sections(config: &Config) -> Result<(), Failed> {
    let known: Vec<&str> = Registry::factories().into_iter().map(|factory| factory.id).collect();
    match config.backends.keys().find(|id| !known.contains(&id.as_str())) {
        None => Ok(()),
        Some(stranger) => {
            let cause = format!(
                "The configuration has a section [backends.{stranger}], and there is no such backend"
            );
            Err(Failed::usage(cause).remedy(format!("This program has {}.", known.join(", "))))
        }
    }
}

/// The policy of `config`, with the file that remembers what models took.
pub(crate) fn policy(config: &Config) -> Policy {
    let measurements = Some(config.folders.state.join("measurements.json"));
    Policy { measurements, ..config.policy.clone() }
}
