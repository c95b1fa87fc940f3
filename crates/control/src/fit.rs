//! Whether a model fits this machine: one verdict with its reason, of what the orchestrator foretells.

use std::collections::BTreeSet;

use loadmaster_core::{Bytes, Device, DeviceId, Estimate, Remedy};
use loadmaster_models::{Choice, Fit as Place};
use loadmaster_orchestrator::{Budgets, OrchestratorError, Preview, Shortage, Status};
use serde::Serialize;
use utoipa::ToSchema;

/// The share of each memory that other programs and drivers keep even when they are closed: one part of eight.
const KEPT: u64 = 8;

/// Less than this share of a device left free is little: one part of 32.
const LITTLE: u64 = 32;

/// Why a model fits that is there already.
const LOADED: &str = "It is loaded.";

/// In one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It fits beside all that is loaded, or is loaded itself.
    Fits,
    /// It fits once other models have left, which they do when it is asked for.
    Evicts,
    /// It fits with next to nothing left, or once other programs give memory back.
    Tight,
    /// It does not fit this machine, or the budgets, whoever leaves.
    TooLarge,
    /// It cannot be told.
    Unknown,
}

/// What a model would take of one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Taken {
    /// The device: `host`, `gpu0`.
    #[schema(value_type = String)]
    id: DeviceId,
    /// Bytes.
    total: u64,
}

/// Whether a model fits this machine now, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Fit {
    /// In one word.
    pub(crate) verdict: Verdict,
    /// What it would take of each device, as far as it is known.
    pub(crate) devices: Vec<Taken>,
    /// The models that would leave for it.
    pub(crate) leaves: Vec<String>,
    /// Why, in a sentence.
    pub(crate) why: String,
}

impl Fit {
    /// Of what loading it would lead to, as the orchestrator foretells it, and what there is now.
    pub(crate) fn of(preview: &Preview, status: &Status) -> Self {
        let leaves = leaving(preview, status);
        let (verdict, why) = verdict(preview, status, &leaves);
        Self { verdict, devices: devices(&preview.estimate), leaves, why }
    }

    /// Of a model that is loaded, which takes this.
    pub(crate) fn loaded(takes: &Estimate) -> Self {
        let why = LOADED.to_owned();
        Self { verdict: Verdict::Fits, devices: devices(takes), leaves: Vec::new(), why }
    }

    /// Of why nothing can be foretold.
    pub(crate) fn failed(error: &OrchestratorError) -> Self {
        let verdict = match error {
            OrchestratorError::DoesNotFit { .. } => Verdict::TooLarge,
            _ => Verdict::Unknown,
        };
        Self::without_figures(verdict, format!("{} {}", stopped(error.to_string()), error.remedy()))
    }

    /// Of a choice by length, where there is no header to plan with.
    #[cfg_attr(not(test), expect(dead_code, reason = "the catalog asks it when it is there"))]
    pub(crate) fn of_choice(choice: &Choice) -> Self {
        let verdict = if choice.fits == Place::Nowhere { Verdict::TooLarge } else { Verdict::Fits };
        Self::without_figures(verdict, stopped(choice.reason.clone()))
    }

    /// It cannot be told, and why.
    pub(crate) fn unknown(why: impl Into<String>) -> Self {
        Self::without_figures(Verdict::Unknown, why.into())
    }

    fn without_figures(verdict: Verdict, why: String) -> Self {
        Self { verdict, devices: Vec::new(), leaves: Vec::new(), why }
    }
}

fn devices(estimate: &Estimate) -> Vec<Taken> {
    let taken = estimate.devices.iter().filter(|device| device.total() > 0);
    taken.map(|device| Taken { id: device.device.clone(), total: device.total() }).collect()
}

/// The models of the instances that would leave, each once.
fn leaving(preview: &Preview, status: &Status) -> Vec<String> {
    let instances = status.models.iter().filter_map(|model| model.instance.as_ref());
    let going = instances.filter(|instance| preview.leaving.contains(&instance.id));
    going.map(|instance| instance.model.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}

fn verdict(preview: &Preview, status: &Status, leaves: &[String]) -> (Verdict, String) {
    let own = |id: &str| status.models.iter().find(|model| model.id == id)?.instance.as_ref();
    if own(&preview.plan.model.id).is_some_and(|instance| instance.state.is_alive()) {
        return (Verdict::Fits, LOADED.to_owned());
    }
    if !preview.lacking.is_empty() {
        return lacking(preview, &status.budgets);
    }
    if !preview.leaving.is_empty() {
        return (Verdict::Evicts, format!("It fits once {} has left for it.", listed(leaves)));
    }
    if !preview.holds.is_empty() {
        let why = "It fits once memory that is held for other programs is given back.";
        return (Verdict::Tight, why.to_owned());
    }
    if !preview.shortages.is_empty() {
        let why = format!("It has to wait until others have finished: {}.", told(&preview.shortages));
        return (Verdict::Tight, why);
    }
    match preview.machine.devices.iter().find_map(|device| little_left(preview, device)) {
        Some((device, left)) => {
            let why = format!("It fits, and leaves no more than {} of {} free.", Bytes(left), device.id);
            (Verdict::Tight, why)
        }
        None => (Verdict::Fits, "It fits beside all that is loaded.".to_owned()),
    }
}

/// Of a model that does not fit now whoever leaves: whether it would if other programs were closed.
fn lacking(preview: &Preview, budgets: &Budgets) -> (Verdict, String) {
    let would_do = |shortage: &Shortage| {
        let device = preview.machine.devices.iter().find(|device| device.id == shortage.device);
        device.is_some_and(|device| shortage.needed <= rested(device, budgets))
    };
    let told = told(&preview.lacking);
    if preview.lacking.iter().all(would_do) {
        (Verdict::Tight, format!("It fits once other programs have given memory back: {told}."))
    } else {
        (Verdict::TooLarge, format!("It is too large for this machine: {told}."))
    }
}

/// What models may take of a device when other programs are closed, in bytes.
fn rested(device: &Device, budgets: &Budgets) -> u64 {
    let rested = device.free.unwrap_or(0).max(device.total - device.total / KEPT);
    budgets.of(device).map_or(rested, |limit| rested.min(limit))
}

/// The device and what would be left free of it, if that is little.
fn little_left<'a>(preview: &Preview, device: &'a Device) -> Option<(&'a Device, u64)> {
    let needed = preview.estimate.reservation(&device.id);
    let left = device.free?.saturating_sub(needed);
    (needed > 0 && left < device.total / LITTLE).then_some((device, left))
}

fn told(shortages: &[Shortage]) -> String {
    shortages.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// `a`, `a and b`, `a, b and c`.
fn listed(names: &[String]) -> String {
    match names {
        [] => "another model".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// With a full stop.
fn stopped(mut text: String) -> String {
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}

#[cfg(test)]
mod tests {
    use loadmaster_core::{
        DeviceEstimate, DeviceKind, InstanceId, InstanceState, LaunchPlan, Machine, Model, ModelKind,
    };
    use loadmaster_orchestrator::{Budget, InstanceStatus, ModelStatus};

    use super::*;

    const GIB: u64 = 1 << 30;

    fn plan(model: &str) -> LaunchPlan {
        LaunchPlan::new("b", Model { id: model.to_owned(), kind: ModelKind::Text, path: "m.gguf".into() })
    }

    /// A model of `needs` GiB on a machine of 16 GiB, of which 8 are free.
    fn preview(needs: u64) -> Preview {
        let mut estimate = Estimate::nothing();
        let mut host = DeviceEstimate::on(DeviceId::host());
        host.weights = needs * GIB;
        estimate.devices = vec![host];
        let device = Device {
            id: DeviceId::host(),
            name: "host".to_owned(),
            kind: DeviceKind::Host,
            aliases: Vec::new(),
            total: 16 * GIB,
            free: Some(8 * GIB),
        };
        Preview {
            plan: plan("m"),
            estimate,
            shortages: Vec::new(),
            leaving: Vec::new(),
            lacking: Vec::new(),
            machine: Machine {
                physical_cores: 1,
                usable_threads: 1,
                devices: vec![device],
                hypothetical: false,
            },
            holds: Vec::new(),
        }
    }

    fn shortage(needed: u64) -> Vec<Shortage> {
        let (needed, available) = (needed * GIB, 8 * GIB);
        vec![Shortage { device: DeviceId::host(), needed, available, budget: None }]
    }

    /// `model` has an instance, in that state.
    fn status(model: &str, state: InstanceState) -> Status {
        let instance = InstanceStatus {
            id: InstanceId::new(model, 1),
            model: model.to_owned(),
            state,
            pid: None,
            endpoint: None,
            leases: 0,
            plan: plan(model),
            predicted: Estimate::nothing(),
            actual: None,
        };
        let model = ModelStatus {
            id: model.to_owned(),
            kind: ModelKind::Text,
            waiting: 0,
            waits_for: None,
            instance: Some(instance),
        };
        Status { models: vec![model], ..Status::default() }
    }

    fn of(preview: &Preview) -> (Verdict, String) {
        let fit = Fit::of(preview, &Status::default());
        (fit.verdict, fit.why)
    }

    #[test]
    fn what_is_foretold_is_one_word() {
        let fits = Fit::of(&preview(4), &Status::default());
        assert_eq!((fits.verdict, fits.devices[0].total), (Verdict::Fits, 4 * GIB));
        let (verdict, why) = of(&preview(8));
        assert_eq!(
            (verdict, why.as_str()),
            (Verdict::Tight, "It fits, and leaves no more than 0 B of host free.")
        );
        let other = status("other", InstanceState::Ready);
        let going = other.models[0].instance.as_ref().unwrap().id.clone();
        let evicts = Preview { shortages: shortage(10), leaving: vec![going], ..preview(10) };
        let fit = Fit::of(&evicts, &other);
        assert_eq!((fit.verdict, fit.leaves), (Verdict::Evicts, vec!["other".to_owned()]));
        assert_eq!(fit.why, "It fits once other has left for it.");
        let waits = Preview { shortages: shortage(10), ..preview(10) };
        assert_eq!(of(&waits).0, Verdict::Tight);
    }

    #[test]
    fn other_programs_may_be_closed_and_machines_do_not_grow() {
        let lacks = |needs: u64| Preview { lacking: shortage(needs), ..preview(needs) };
        assert_eq!(of(&lacks(12)).0, Verdict::Tight);
        let (verdict, why) = of(&lacks(15));
        assert_eq!(verdict, Verdict::TooLarge);
        assert_eq!(why, "It is too large for this machine: host needs 15.0 GiB and has 8.00 GiB left.");
        let budgets = Budgets([("host".to_owned(), Budget::Bytes(8 * GIB))].into());
        let status = Status { budgets, ..Status::default() };
        assert_eq!(Fit::of(&lacks(12), &status).verdict, Verdict::TooLarge);
    }

    #[test]
    fn what_is_loaded_fits() {
        let full = Preview { shortages: shortage(10), ..preview(10) };
        let loaded = Fit::of(&full, &status("m", InstanceState::Ready));
        assert_eq!((loaded.verdict, loaded.why.as_str()), (Verdict::Fits, "It is loaded."));
        assert_eq!(Fit::of(&full, &status("m", InstanceState::Stopped)).verdict, Verdict::Tight);
    }

    #[test]
    fn where_nothing_is_foretold_the_reason_is() {
        let none = OrchestratorError::NoBackend { model: "m".to_owned(), backends: Vec::new() };
        let fit = Fit::failed(&none);
        assert_eq!(fit.verdict, Verdict::Unknown);
        assert_eq!(
            fit.why,
            "No backend serves 'm'; this program has none. Check the file with `loadmaster inspect`."
        );
        let large = OrchestratorError::DoesNotFit {
            model: "m".to_owned(),
            shortages: shortage(9),
            pinned: Vec::new(),
        };
        assert_eq!(Fit::failed(&large).verdict, Verdict::TooLarge);
        let choice =
            Choice { index: 0, bytes: 1, needs: 2, fits: Place::Nowhere, reason: "none fits".to_owned() };
        assert_eq!(Fit::of_choice(&choice).verdict, Verdict::TooLarge);
        assert_eq!(serde_json::to_value(Fit::unknown("why")).unwrap()["verdict"], "unknown");
    }
}
