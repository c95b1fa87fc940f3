use loadmaster_core::{DeviceEstimate, DeviceKind, EstimateSource};

use super::*;

const GIB: u64 = 1 << 30;

fn machine(host_free: u64) -> Machine {
    let device = |id: &str, kind, total, free| Device {
        id: DeviceId::from(id),
        name: id.to_owned(),
        kind,
        aliases: vec![format!("alias:{id}")],
        total,
        free,
    };
    Machine {
        physical_cores: 4,
        usable_threads: 8,
        hypothetical: false,
        devices: vec![
            device("host", DeviceKind::Host, 16 * GIB, Some(host_free)),
            device("gpu0", DeviceKind::Discrete, 8 * GIB, Some(7 * GIB)),
            device("gpu1", DeviceKind::Integrated, 16 * GIB, None),
        ],
    }
}

fn takes(parts: &[(&str, u64, u64)]) -> Estimate {
    let devices = parts.iter().map(|(id, weights, mapped)| DeviceEstimate {
        weights: *weights,
        mapped: *mapped,
        ..DeviceEstimate::on(DeviceId::from(*id))
    });
    Estimate { source: EstimateSource::Computed, margin_percent: 0, devices: devices.collect() }
}

fn check(ledger: &Ledger, estimate: &Estimate, machine: &Machine, budgets: &str, expected: &[(&str, u64)]) {
    let entries = budgets.split_terminator(',').map(|entry| {
        let (name, budget) = entry.split_once('=').unwrap();
        (name.to_owned(), budget.parse().unwrap())
    });
    let shortages = ledger.shortages(estimate, machine, &Budgets(entries.collect()), &Gone::default());
    let found: Vec<_> = shortages.iter().map(|s| (s.device.as_str(), s.available)).collect();
    assert_eq!(found, expected);
}

#[test]
fn what_is_free_limits() {
    let ledger = Ledger::default();
    check(&ledger, &takes(&[("host", 4 * GIB, 0)]), &machine(4 * GIB), "", &[]);
    check(&ledger, &takes(&[("host", 4 * GIB + 1, 0)]), &machine(4 * GIB), "", &[("host", 4 * GIB)]);
    check(&ledger, &takes(&[("gpu0", 8 * GIB, 0)]), &machine(4 * GIB), "", &[("gpu0", 7 * GIB)]);
}

#[test]
fn budgets_limit_by_id_alias_and_share() {
    let ledger = Ledger::default();
    let estimate = takes(&[("host", 3 * GIB, 0)]);
    check(&ledger, &estimate, &machine(8 * GIB), "host=2 GiB", &[("host", 2 * GIB)]);
    check(&ledger, &estimate, &machine(8 * GIB), "alias:host=2 GiB,host=9 GiB", &[("host", 2 * GIB)]);
    check(&ledger, &estimate, &machine(8 * GIB), "host=10 %", &[("host", 16 * GIB / 100 * 10)]);
}

#[test]
fn devices_that_share_a_pool_are_charged_once_each() {
    let ledger = Ledger::default();
    let both = takes(&[("host", 3 * GIB, 0), ("gpu1", 3 * GIB, 0)]);
    check(&ledger, &both, &machine(6 * GIB), "", &[]);
    check(&ledger, &both, &machine(5 * GIB), "", &[("host", 5 * GIB)]);
}

#[test]
fn a_starting_instance_counts_and_a_loaded_one_counts_once() {
    let mut ledger = Ledger::default();
    let id = InstanceId::new("a", 1);
    let estimate = takes(&[("host", 3 * GIB, 0)]);
    ledger.reserve(id.clone(), estimate.clone());
    check(&ledger, &estimate, &machine(5 * GIB), "", &[("host", 2 * GIB)]);
    // Loaded: the machine's free memory fell by what it took.
    ledger.taken(&id, None);
    check(&ledger, &estimate, &machine(2 * GIB), "", &[("host", 2 * GIB)]);
    check(&ledger, &estimate, &machine(3 * GIB), "", &[]);
    ledger.release(&id);
    assert!(ledger.is_empty());
}

#[test]
fn mapped_weights_are_not_free_although_the_kernel_says_so() {
    let mut ledger = Ledger::default();
    let id = InstanceId::new("a", 1);
    ledger.reserve(id.clone(), takes(&[("host", 3 * GIB, 3 * GIB)]));
    ledger.taken(&id, None);
    check(&ledger, &takes(&[("host", 3 * GIB, 0)]), &machine(5 * GIB), "", &[("host", 2 * GIB)]);
}

#[test]
fn what_is_held_is_charged_once_while_its_program_takes_it() {
    let mut ledger = Ledger::default();
    let (hold, devices) = (HoldId::new(1), BTreeMap::from([(DeviceId::host(), 4 * GIB)]));
    ledger.hold(hold, devices.clone());
    let left = |ledger: &Ledger, free: u64, left: u64| {
        let more = takes(&[("host", left + 1, 0)]);
        check(ledger, &takes(&[("host", left, 0)]), &machine(free), "", &[]);
        check(ledger, &more, &machine(free), "", &[("host", left)]);
    };
    // It waits: what others take is not its program's.
    left(&ledger, 10 * GIB, 6 * GIB);
    left(&ledger, 9 * GIB, 5 * GIB);
    ledger.grant_hold(hold, &devices, &machine(10 * GIB));
    for (free, expected) in [(10, 6), (7, 6), (6, 6), (5, 5)] {
        left(&ledger, free * GIB, expected * GIB);
    }
    ledger.release_hold(hold);
    left(&ledger, 10 * GIB, 10 * GIB);
    assert!(ledger.is_empty());
}

#[test]
fn a_device_that_is_gone_has_nothing() {
    check(&Ledger::default(), &takes(&[("gpu7", 1, 0)]), &machine(GIB), "", &[("gpu7", 0)]);
}
