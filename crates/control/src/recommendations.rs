//! Which sizes and quantisations of language models fit this machine.

use loadmaster_core::{DeviceKind, Machine};
use loadmaster_models::{Budget, Fit, HubFile, RelativePath, candidates, choose};
use loadmaster_orchestrator::Budgets;
use serde::Serialize;
use utoipa::ToSchema;

/// Sizes that models are made in, in billions of weights, the largest first.
const SIZES: [u64; 8] = [70, 32, 24, 14, 8, 4, 2, 1];

/// Quantisations that most repositories have, with bits for each weight as llama.cpp's `quantize` lists them for
/// models of 8 billion weights.
const QUANTISATIONS: [(&str, u64); 5] =
    [("Q3_K_M", 400), ("Q4_K_M", 489), ("Q5_K_M", 570), ("Q6_K", 656), ("Q8_0", 850)];

/// The share of each memory that other programs and drivers keep: one part of eight.
const KEPT: u64 = 8;

/// How many are told.
const TOLD: usize = 3;

/// What suits this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Recommendation {
    /// In a few words: `8 B at Q4_K_M`.
    label: String,
    /// Why, in a sentence.
    reason: String,
    /// Weights of such a model.
    parameters: u64,
    /// The quantisation to look for.
    quantisation: String,
    /// Bytes of such a file.
    bytes: u64,
    /// Bytes of memory that it takes, roughly, with a context.
    needs: u64,
    /// `accelerators` where all of it fits on them, else `host`.
    #[schema(value_type = String)]
    on: Fit,
}

/// The largest sizes that fit when other programs leave the machine alone: those that fit on the accelerators first.
pub(crate) fn recommendations(machine: &Machine, budgets: &Budgets) -> Vec<Recommendation> {
    let budget = budget(machine, budgets);
    let all: Vec<_> = SIZES.into_iter().filter_map(|billions| recommendation(billions, budget)).collect();
    let on = |fit: Fit| all.iter().filter(move |one| one.on == fit).take(TOLD);
    on(Fit::Accelerators).chain(on(Fit::Host)).cloned().collect()
}

fn recommendation(billions: u64, budget: Budget) -> Option<Recommendation> {
    let parameters = billions * 1_000_000_000;
    let files = QUANTISATIONS.into_iter().filter_map(|(name, hundredths)| {
        let path = RelativePath::new(format!("{name}.gguf")).ok()?;
        Some(HubFile { path, size: parameters / 800 * hundredths, sha256: None })
    });
    let candidates = candidates(&files.collect::<Vec<_>>());
    let choice = choose(&candidates, None, budget, None)?;
    let quantisation = candidates[choice.index].quantisation.as_ref()?.to_string();
    (choice.fits != Fit::Nowhere).then(|| Recommendation {
        label: format!("{billions} B at {quantisation}"),
        reason: choice.reason,
        parameters,
        quantisation,
        bytes: choice.bytes,
        needs: choice.needs,
        on: choice.fits,
    })
}

/// What there is when other programs are closed.
fn budget(machine: &Machine, budgets: &Budgets) -> Budget {
    let mut budget = Budget::default();
    for device in &machine.devices {
        let rested = device.free.unwrap_or(0).max(device.total - device.total / KEPT);
        let bytes = budgets.of(device).map_or(rested, |limit| rested.min(limit));
        match device.kind {
            DeviceKind::Host => budget.host += bytes,
            DeviceKind::Discrete => budget.accelerators += bytes,
            // Their memory is the host's.
            DeviceKind::Integrated | DeviceKind::Software => {}
        }
    }
    budget
}

#[cfg(test)]
mod tests {
    use loadmaster_core::{Device, DeviceId};
    use loadmaster_orchestrator::Budget as Limit;

    use super::*;

    fn machine(host_gib: u64, gpu_gib: u64) -> Machine {
        let device = |id: &str, kind, gib: u64| Device {
            id: DeviceId::from(id),
            name: id.to_owned(),
            kind,
            aliases: Vec::new(),
            total: gib << 30,
            free: None,
        };
        let mut devices = vec![device("host", DeviceKind::Host, host_gib)];
        if gpu_gib > 0 {
            devices.push(device("gpu0", DeviceKind::Discrete, gpu_gib));
        }
        Machine { physical_cores: 4, usable_threads: 4, devices, hypothetical: false }
    }

    fn labels(machine: &Machine, budgets: &Budgets) -> Vec<String> {
        recommendations(machine, budgets).into_iter().map(|one| one.label).collect()
    }

    #[test]
    fn larger_machines_are_told_larger_models() {
        let none = Budgets::default();
        assert_eq!(labels(&machine(8, 0), &none)[0], "8 B at Q4_K_M");
        assert_eq!(labels(&machine(64, 0), &none)[0], "70 B at Q4_K_M");
        let with_card = recommendations(&machine(32, 24), &none);
        assert_eq!((with_card[0].on, with_card[0].parameters), (Fit::Accelerators, 32_000_000_000));
        assert!(with_card.iter().any(|one| one.on == Fit::Host));
        assert!(labels(&machine(0, 0), &none).is_empty());
    }

    #[test]
    fn budgets_bind() {
        let budgets = Budgets([("host".to_owned(), Limit::Bytes(2 << 30))].into());
        assert_eq!(labels(&machine(64, 0), &budgets)[0], "2 B at Q6_K");
    }
}
