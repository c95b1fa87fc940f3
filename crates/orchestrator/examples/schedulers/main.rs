//! Plays patterns of requests to the decisions of this crate and to simpler schedulers, in virtual time:
//! `cargo run --release --example schedulers [-- PATTERN]`
//!
//! One JSON line for each pattern and scheduler. With an argument only the patterns whose name has it.

mod fifo;
mod fleet;
mod lru;
mod patterns;
mod random;

use std::{env, error::Error};

use loadmaster_core::DeviceEstimate;
use loadmaster_orchestrator::{
    Policy,
    simulation::{Report, SimulatedModel, Simulation},
};
use serde_json::json;

use self::{fifo::Fifo, fleet::Fleet, lru::Lru, patterns::Pattern};

#[expect(clippy::print_stdout, reason = "printing is what the example is for")]
fn main() -> Result<(), Box<dyn Error>> {
    let wanted = env::args().nth(1).unwrap_or_default();
    for pattern in patterns::all().into_iter().filter(|pattern| pattern.name.contains(&wanted)) {
        for (scheduler, report) in play(&pattern) {
            let line = json!({
                "pattern": pattern.name,
                "scheduler": scheduler,
                "seconds": pattern.until.as_secs(),
                "models": pattern.models.len(),
                "report": serde_json::to_value(&report)?,
            });
            println!("{line}");
        }
    }
    Ok(())
}

/// The same pattern under each scheduler.
fn play(pattern: &Pattern) -> Vec<(String, Report)> {
    let Pattern { machine, models, clients, until, planning, .. } = pattern;
    let simulation =
        Simulation::new(Policy::default(), machine.clone(), models.clone()).until(*until).planning(*planning);
    let clients = || clients.iter().cloned();
    let fleet = || Fleet::on(machine);
    let memory: u64 = machine.devices.iter().map(|device| device.total).sum();
    let mean = sizes(models).sum::<u64>() / models.len() as u64;
    let largest = sizes(models).max().unwrap_or(1);
    // As many as fit on average, and as many as fit if all were as large as the largest.
    let tuned = usize::try_from(memory / mean).unwrap_or(usize::MAX).max(1);
    let per_device = machine.devices.iter().map(|device| device.total / largest).sum::<u64>();
    let safe = usize::try_from(per_device).unwrap_or(usize::MAX).max(1);
    vec![
        ("loadmaster".to_owned(), simulation.run(clients())),
        ("FIFO".to_owned(), simulation.run_with(&mut Fifo::new(fleet(), models), clients())),
        ("LRU, safe".to_owned(), simulation.run_with(&mut Lru::new(fleet(), models, safe), clients())),
        ("LRU, average".to_owned(), simulation.run_with(&mut Lru::new(fleet(), models, tuned), clients())),
    ]
}

/// What each model takes, in bytes.
fn sizes(models: &[SimulatedModel]) -> impl Iterator<Item = u64> {
    let first = models.iter().filter_map(|model| model.places.first());
    first.map(|place| place.devices.iter().map(DeviceEstimate::total).sum())
}
