//! Simulations that are small enough to be followed by hand.

use loadmaster_core::{Device, DeviceId, DeviceKind};

use super::*;

const GB: u64 = 1_000_000_000;

fn machine(gpus: &[u64]) -> Machine {
    let gpu = |(number, size): (usize, &u64)| Device {
        id: DeviceId::from(format!("gpu{number}")),
        name: "GPU".to_owned(),
        kind: DeviceKind::Discrete,
        aliases: Vec::new(),
        total: size * GB,
        free: None,
    };
    let devices = gpus.iter().enumerate().map(gpu).collect();
    Machine { physical_cores: 8, usable_threads: 8, devices, hypothetical: true }
}

fn simulation(gpus: &[u64], sizes: &[u64]) -> Simulation {
    let machine = machine(gpus);
    let name = |number: usize| format!("m{number}");
    let model = |(number, size): (usize, &u64)| SimulatedModel::on_any(&machine, &name(number), size * GB);
    let models = sizes.iter().enumerate().map(model).collect();
    Simulation::new(Policy::default(), machine, models)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn once(at: u64, model: usize) -> Client {
    Client::once(seconds(at), Call::of(model, seconds(1)))
}

#[test]
fn a_request_waits_for_a_plan_and_a_load_and_then_no_more() {
    // 6 GB at 2 GB/s are 3 s, and 15 ms for the plan.
    let report = simulation(&[8], &[6]).run([once(0, 0), once(10, 0)]);
    assert_eq!((report.asked, report.answered, report.loads), (2, 2, 1));
    assert_eq!(report.waits.longest, Duration::from_millis(3015));
    assert_eq!(report.waits.median, Duration::ZERO);
    assert_eq!(report.answers.longest, Duration::from_millis(4015));
    assert_eq!((report.bytes_loaded, report.overcommitted), (6 * GB, 0));
    assert!((report.peak_percent - 75.0).abs() < 0.1, "{report:?}");
}

#[test]
fn requests_that_are_worked_on_together_slow_each_other_down() {
    // Four at once take 1 + 3 * 0.33 as long; the fifth waits for them and is then alone.
    let report = simulation(&[8], &[6]).run((0..5).map(|_| once(0, 0)));
    let alone = Duration::from_millis(3015);
    assert_eq!(report.answers.median, alone + Duration::from_millis(1990));
    assert_eq!(report.answers.longest, alone + Duration::from_millis(2990));
}

#[test]
fn a_model_that_is_in_the_way_goes_when_it_is_idle() {
    // Unloading 0.1 s, a second plan, loading 3 s.
    let report = simulation(&[8], &[6, 6]).run([once(0, 0), once(10, 1)]);
    assert_eq!((report.loads, report.answered, report.overcommitted), (2, 2, 0));
    assert_eq!(report.waits.longest, Duration::from_millis(15 + 100 + 15 + 3000));
}

#[test]
fn what_fits_nowhere_is_refused() {
    let report = simulation(&[8], &[9]).run([once(0, 0)]);
    assert_eq!((report.asked, report.refused, report.answered, report.loads), (1, 1, 0, 0));
}

#[test]
fn clients_send_when_they_are_answered_and_stop_in_time() {
    let client = Client { begins: seconds(1), calls: vec![Call::of(0, seconds(1)).after(seconds(1)); 9] };
    // Sent at 2 s; loaded until 5.015 s; one each 2 s from then on, until 12 s.
    let report = simulation(&[8], &[6]).until(seconds(12)).run([client]);
    assert_eq!((report.asked, report.answered, report.completed), (4, 4, 3));
    assert_eq!(report.ended, Duration::from_millis(12_015));
}

/// Loads everything at once and serves whom it can, whatever there is.
struct Reckless;

impl Scheduler for Reckless {
    fn take_in(&mut self, _: Duration, happening: &Happening) -> Vec<Step> {
        match *happening {
            Happening::Asked { request, model, .. } => {
                let place = simulation(&[8], &[6]).models[0].places[0].clone();
                vec![Step::Load { instance: request, model, place }]
            }
            Happening::Loaded { instance } => vec![Step::Serve { request: instance, instance }],
            Happening::Answered { instance, .. } => vec![Step::Unload { instance }],
            Happening::Unloaded { .. } | Happening::Woken => Vec::new(),
        }
    }
}

#[test]
fn another_scheduler_is_played_and_its_mistakes_are_counted() {
    let report = simulation(&[8], &[6, 6]).run_with(&mut Reckless, [once(0, 0), once(1, 1)]);
    assert_eq!((report.answered, report.loads, report.overcommitted), (2, 2, 1));
    assert!((report.peak_percent - 150.0).abs() < 0.1, "{report:?}");
}
