//! Tries a policy against a pattern of requests, in virtual time, before it is used.
//!
//! A [`Simulation`] has a machine, models with what they take and how long they load, and clients that
//! call them. The same decisions that run a real machine are asked what to do; loads, answers and
//! unloadings take the time that was given for them, and nobody waits for any of it. The [`Report`] tells
//! how long requests waited, how often models were loaded, and whether memory was ever overcommitted.
//! The same input gives the same report.
//!
//! Another [`Scheduler`] can be put in the place of the decisions, to be compared on the same pattern.
//!
//! # Example
//!
//! Two models of 6 GB take turns on a GPU of 8 GB. How long do their users wait if the busy one may keep
//! the other one out for 2 s?
//!
//! ```
//! use std::time::Duration;
//! use loadmaster_core::{Device, DeviceId, DeviceKind, Machine};
//! use loadmaster_orchestrator::{Policy, simulation::{Call, Client, SimulatedModel, Simulation}};
//!
//! const GB: u64 = 1_000_000_000;
//! let gpu = Device {
//!     id: DeviceId::from("gpu0"),
//!     name: "GPU".to_owned(),
//!     kind: DeviceKind::Discrete,
//!     aliases: Vec::new(),
//!     total: 8 * GB,
//!     free: None,
//! };
//! let machine = Machine { physical_cores: 8, usable_threads: 8, devices: vec![gpu], hypothetical: true };
//! let model = |name| SimulatedModel::on_any(&machine, name, 6 * GB);
//! let models = vec![model("chat"), model("code")];
//! let policy = Policy { turn: Duration::from_secs(2), ..Policy::default() };
//!
//! // Four users, each of whom asks either model 20 times, half a second after the last answer.
//! let user = |user: usize| Client {
//!     begins: Duration::ZERO,
//!     calls: (0..20)
//!         .map(|call| Call::of((user + call / 4) % 2, Duration::from_secs(1)).after(Duration::from_millis(500)))
//!         .collect(),
//! };
//! let report = Simulation::new(policy, machine, models).run((0..4).map(user));
//! assert_eq!((report.answered, report.refused, report.overcommitted), (80, 0, 0));
//! assert!(report.waits.longest < Duration::from_secs(10), "{report:?}");
//! ```

mod decisions;
mod report;
mod server;
mod world;

#[cfg(test)]
mod tests;

use std::time::Duration;

use loadmaster_core::{DeviceEstimate, Estimate, EstimateSource, Machine};

use self::{decisions::Decisions, world::World};
use crate::{ModelRules, Policy, Priority, Wish};

pub use self::report::{Cost, Report, Waits};

/// A model, and how it behaves.
#[derive(Debug, Clone)]
pub struct SimulatedModel {
    /// Its name; no two have the same.
    pub name: String,
    /// What it may take: one entry for each place where it can run, such as each GPU of a machine that
    /// is large enough. The decisions take one of them.
    pub places: Vec<Estimate>,
    /// What is kept to for it.
    pub rules: ModelRules,
    /// From the start of its server until it answers.
    pub load: Duration,
    /// From the word to stop until its memory is free.
    pub stop: Duration,
    /// How many requests it works on at once.
    pub slots: u32,
    /// How much longer a request takes for each other one that is worked on beside it, in percent: 0 when
    /// they do not slow each other down, 100 when they only share what there is.
    pub slowdown_percent: u32,
}

impl SimulatedModel {
    /// A model of `bytes`, all of them weights, on any one device of `machine` that can hold it. Loads at
    /// 2 GB/s, stops in 0.1 s, works on 4 requests at once, each of which slows the others by a third.
    pub fn on_any(machine: &Machine, name: &str, bytes: u64) -> Self {
        let large_enough = machine.devices.iter().filter(|device| device.total >= bytes);
        let places = large_enough.map(|device| {
            let part = DeviceEstimate { weights: bytes, ..DeviceEstimate::on(device.id.clone()) };
            Estimate { source: EstimateSource::Computed, margin_percent: 0, devices: vec![part] }
        });
        Self {
            name: name.to_owned(),
            places: places.collect(),
            rules: ModelRules::default(),
            load: Duration::from_nanos(bytes / 2),
            stop: Duration::from_millis(100),
            slots: 4,
            slowdown_percent: 33,
        }
    }
}

/// One request of a client.
#[derive(Debug, Clone)]
pub struct Call {
    /// How long after the last answer that the client got, or after it began, it is sent.
    pub after: Duration,
    /// The model's place in the list.
    pub model: usize,
    /// What it asks of its place in the queue.
    pub wish: Wish,
    /// How long its answer takes if nothing else is worked on by the same server.
    pub service: Duration,
}

impl Call {
    /// A request for the model at that place in the list, which takes so long to be answered.
    pub fn of(model: usize, service: Duration) -> Self {
        Self { after: Duration::ZERO, model, wish: Wish::default(), service }
    }

    /// Sent so long after the client's last answer.
    #[must_use]
    pub fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }

    /// Of that priority.
    #[must_use]
    pub fn priority(self, priority: Priority) -> Self {
        Self { wish: Wish { priority, ..self.wish }, ..self }
    }

    /// Turned away after so long.
    #[must_use]
    pub fn wait(self, wait: Duration) -> Self {
        Self { wish: Wish { wait: Some(wait), ..self.wish }, ..self }
    }
}

/// Somebody who sends requests one after another, each when the one before is answered or refused.
#[derive(Debug, Clone)]
pub struct Client {
    /// When its first request may be sent.
    pub begins: Duration,
    /// Its requests, in this order.
    pub calls: Vec<Call>,
}

impl Client {
    /// One request at that time, which waits for no answer before it: a stream of arrivals is made of them.
    pub fn once(at: Duration, call: Call) -> Self {
        Self { begins: at, calls: vec![call] }
    }
}

/// Something that a [`Scheduler`] is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A request came.
    Asked {
        /// Names it.
        request: u64,
        /// The model's place in the list.
        model: usize,
        /// What it asks of its place in the queue.
        wish: Wish,
    },
    /// A request was answered.
    Answered {
        /// The request.
        request: u64,
        /// Who answered.
        instance: u64,
    },
    /// A server is ready.
    Loaded {
        /// Which one.
        instance: u64,
    },
    /// A server is gone, and its memory free.
    Unloaded {
        /// Which one.
        instance: u64,
    },
    /// The time has come that the scheduler asked to be woken at.
    Woken,
}

/// Something that a [`Scheduler`] wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Start a server.
    Load {
        /// A number for it that has not been used before.
        instance: u64,
        /// The model's place in the list.
        model: usize,
        /// What it takes, and where.
        place: Estimate,
    },
    /// Give a request to a server that is ready. It works on as many at once as the model has slots; the
    /// others wait within it.
    Serve {
        /// The request.
        request: u64,
        /// The server.
        instance: u64,
    },
    /// Turn a request away.
    Refuse {
        /// The request.
        request: u64,
    },
    /// Stop a server. What it works on is lost.
    Unload {
        /// Which one.
        instance: u64,
    },
}

/// Decides which models are loaded, and who is served when.
pub trait Scheduler {
    /// Takes in what happened at `now` and says what to do.
    fn take_in(&mut self, now: Duration, happening: &Happening) -> Vec<Step>;

    /// When it wants to be woken, if nothing happens before: a time after the last one that it was told.
    fn next_wake(&self) -> Option<Duration> {
        None
    }

    /// What its decisions cost in real time, where it takes note of it.
    fn cost(&self) -> Cost {
        Cost::default()
    }
}

/// A machine with models, to be played against a pattern of requests.
#[derive(Debug, Clone)]
pub struct Simulation {
    policy: Policy,
    machine: Machine,
    models: Vec<SimulatedModel>,
    planning: Duration,
    until: Duration,
}

impl Simulation {
    /// `models` on `machine`, which has what is free of each device, or all of it where nothing is said,
    /// managed by `policy`.
    pub fn new(policy: Policy, machine: Machine, models: Vec<SimulatedModel>) -> Self {
        Self { policy, machine, models, planning: Duration::from_millis(15), until: Duration::MAX }
    }

    /// Clients send nothing from then on; what was sent is still served, and does not count as completed
    /// in time. Without it they send all that they have.
    #[must_use]
    pub fn until(self, until: Duration) -> Self {
        Self { until, ..self }
    }

    /// How long it takes to read the machine and to make a plan; 15 ms without.
    #[must_use]
    pub fn planning(self, planning: Duration) -> Self {
        Self { planning, ..self }
    }

    /// What comes of it with the decisions of this crate.
    pub fn run(&self, clients: impl IntoIterator<Item = Client>) -> Report {
        self.run_with(&mut Decisions::new(self), clients)
    }

    /// What comes of it with another scheduler.
    pub fn run_with(
        &self,
        scheduler: &mut impl Scheduler,
        clients: impl IntoIterator<Item = Client>,
    ) -> Report {
        World::new(self, clients.into_iter().collect()).play(scheduler)
    }
}
