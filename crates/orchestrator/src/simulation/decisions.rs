//! The decisions of this crate as a [`Scheduler`], with a planner that knows the places of each model.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use loadmaster_core::{DeviceId, Estimate, InstanceId, LaunchPlan, LoadRequest, Machine, Model, ModelKind};

use super::{Cost, Happening, Scheduler, SimulatedModel, Simulation, Step, Waits};
use crate::{
    OrchestratorError, Policy,
    decide::State,
    outlook::as_good,
    steps::{Action, Facts, Input, Preparation, Prepared},
};

/// The setting of a simulated plan that says which of the model's places it is for.
const PLACE: &str = "place";

/// What runs, or is about to end.
#[derive(Debug)]
struct Running {
    id: InstanceId,
    model: usize,
    place: Estimate,
    /// Whether the machine's free memory lacks it.
    taken: bool,
}

#[derive(Debug)]
pub(super) struct Decisions<'a> {
    simulation: &'a Simulation,
    state: State,
    /// The models' places in the list, by name.
    numbers: BTreeMap<String, usize>,
    running: BTreeMap<u64, Running>,
    by_id: BTreeMap<InstanceId, u64>,
    started: u64,
    /// Plans that are being made, by the time when each is done and in the order in which they were asked for.
    plans: BTreeMap<(Duration, u64), Input>,
    planned: u64,
    /// When the state wants to be woken.
    wake: Option<Duration>,
    /// How long each decision took in real time.
    took: Vec<Duration>,
}

impl<'a> Decisions<'a> {
    pub(super) fn new(simulation: &'a Simulation) -> Self {
        // Nothing hangs here, so nobody need look.
        let mut state = State::new(Policy { hang: None, ..simulation.policy.clone() });
        let mut numbers = BTreeMap::new();
        for (number, model) in simulation.models.iter().enumerate() {
            let request = LoadRequest::new(Model { id: model.name.clone(), ..described(model) });
            if state.add(request, model.rules).is_ok() {
                numbers.insert(model.name.clone(), number);
            }
        }
        Self {
            simulation,
            state,
            numbers,
            running: BTreeMap::new(),
            by_id: BTreeMap::new(),
            started: 0,
            plans: BTreeMap::new(),
            planned: 0,
            wake: None,
            took: Vec::new(),
        }
    }

    fn input(&mut self, now: Duration, happening: &Happening) -> Input {
        match *happening {
            Happening::Asked { request, model, wish } => {
                Input::LeaseAsked { ticket: request, model: self.simulation.models[model].name.clone(), wish }
            }
            Happening::Answered { instance, .. } => self
                .id(instance)
                .map_or(Input::Tick, |instance| Input::LeaseReturned { instance, keep: false }),
            Happening::Loaded { instance } => {
                let Some(running) = self.running.get_mut(&instance) else { return Input::Tick };
                running.taken = true;
                let slots = Some(self.simulation.models[running.model].slots);
                let facts = Facts { pid: None, endpoint: String::new(), measured: None, slots };
                Input::Started { instance: running.id.clone(), outcome: Ok(facts) }
            }
            Happening::Unloaded { instance } => match self.running.remove(&instance) {
                Some(running) => {
                    self.by_id.remove(&running.id);
                    Input::StopDone { instance: running.id, outcome: Ok(()) }
                }
                None => Input::Tick,
            },
            Happening::Woken => match self.plans.first_entry() {
                Some(plan) if plan.key().0 <= now => plan.remove(),
                _ => Input::Tick,
            },
        }
    }

    fn id(&self, instance: u64) -> Option<InstanceId> {
        self.running.get(&instance).map(|running| running.id.clone())
    }

    fn step(&mut self, now: Duration, action: Action) -> Option<Step> {
        match action {
            Action::Prepare(preparation) => {
                self.planned += 1;
                let done = now.saturating_add(self.simulation.planning);
                let plan = self.prepare(&preparation);
                self.plans.insert((done, self.planned), plan);
                None
            }
            Action::Start { instance: id, prepared } => {
                self.started += 1;
                let (instance, model) = (self.started, *self.numbers.get(&prepared.plan.model.id)?);
                let place = prepared.estimate;
                self.by_id.insert(id.clone(), instance);
                self.running.insert(instance, Running { id, model, place: place.clone(), taken: false });
                Some(Step::Load { instance, model, place })
            }
            Action::Grant { ticket, instance, .. } => {
                Some(Step::Serve { request: ticket, instance: *self.by_id.get(&instance)? })
            }
            Action::Refuse { ticket, .. } => Some(Step::Refuse { request: ticket }),
            Action::Stop { instance, .. } => Some(Step::Unload { instance: *self.by_id.get(&instance)? }),
            Action::AnswerStop { .. }
            | Action::Tell(_)
            | Action::Closed
            | Action::Look { .. }
            | Action::End { .. }
            | Action::Read(_)
            | Action::GrantHold { .. }
            | Action::RefuseHold { .. }
            | Action::Recheck { .. } => None,
        }
    }

    /// Reads the machine, plans and estimates, as the real thing does.
    fn prepare(&self, preparation: &Preparation) -> Input {
        let request = &preparation.request;
        let name = request.model.id.clone();
        let machine = self.machine();
        let outlook = &preparation.outlook;
        let places = self.numbers.get(&name).map(|number| &self.simulation.models[*number].places);
        let chosen = places.and_then(|places| match &preparation.again {
            Some(plan) => places.get(place_of(plan)?).map(|place| (Arc::clone(plan), place)),
            None => choose(places, &outlook.machine(&machine)).map(|best| {
                let gentle = outlook.gentle(&machine, best.1);
                let other = gentle.and_then(|gentle| choose(places, &gentle));
                let (number, place) =
                    other.filter(|(_, place)| as_good(&machine, best.1, place)).unwrap_or(best);
                let mut plan = LaunchPlan::new("simulation", request.model.clone());
                plan.settings.insert(PLACE.to_owned(), number.into());
                (Arc::new(plan), place)
            }),
        });
        let refusal = || OrchestratorError::DoesNotFit {
            model: name.clone(),
            shortages: Vec::new(),
            pinned: Vec::new(),
        };
        let prepared = chosen.map(|(plan, place)| Prepared { plan, estimate: place.clone(), machine });
        let (edition, number) = (preparation.edition, preparation.number);
        Input::Prepared { outcome: prepared.ok_or_else(refusal), model: name, edition, number }
    }

    /// The machine as it is now.
    fn machine(&self) -> Machine {
        let mut machine = self.simulation.machine.clone();
        for device in &mut machine.devices {
            let taken = self.running.values().filter(|running| running.taken);
            let taken: u64 = taken.map(|running| on(&running.place, &device.id)).sum();
            device.free = Some(device.free.unwrap_or(device.total).saturating_sub(taken));
        }
        machine
    }
}

impl Scheduler for Decisions<'_> {
    fn take_in(&mut self, now: Duration, happening: &Happening) -> Vec<Step> {
        let input = self.input(now, happening);
        let begun = Instant::now();
        let actions = self.state.apply(now, input);
        self.wake = self.state.next_wake();
        self.took.push(begun.elapsed());
        actions.into_iter().filter_map(|action| self.step(now, action)).collect()
    }

    fn next_wake(&self) -> Option<Duration> {
        let plan = self.plans.keys().next().map(|(at, _)| *at);
        [plan, self.wake].into_iter().flatten().min()
    }

    fn cost(&self) -> Cost {
        Cost { decisions: self.took.len() as u64, each: Waits::of(self.took.clone()) }
    }
}

fn described(model: &SimulatedModel) -> Model {
    Model::from_file(ModelKind::Text, &model.name)
}

/// What `place` takes of `device`, in bytes.
fn on(place: &Estimate, device: &DeviceId) -> u64 {
    let parts = place.devices.iter().filter(|part| part.device == *device);
    parts.map(loadmaster_core::DeviceEstimate::total).sum()
}

/// The place in the list that the plan is for.
fn place_of(plan: &LaunchPlan) -> Option<usize> {
    usize::try_from(plan.settings.get(PLACE)?.as_u64()?).ok()
}

/// The one of `places` that leaves most free on the device that it fills most, as planners choose the GPU
/// with the most free memory.
fn choose<'a>(places: &'a [Estimate], machine: &Machine) -> Option<(usize, &'a Estimate)> {
    let spare = |place: &Estimate| {
        let parts = place.devices.iter().map(|part| {
            let device = machine.device(part.device.as_str());
            let free = device.map_or(0, |device| device.free.unwrap_or(device.total));
            i128::from(free) - i128::from(place.reservation(&part.device))
        });
        parts.min().unwrap_or_default()
    };
    places.iter().enumerate().max_by_key(|(_, place)| spare(place))
}
