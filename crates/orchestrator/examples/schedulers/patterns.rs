//! Patterns of requests: who asks for what, and when.

use std::time::Duration;

use loadmaster_core::{Device, DeviceId, DeviceKind, Machine};
use loadmaster_orchestrator::simulation::{Call, Client, SimulatedModel};

use crate::random::{Popularity, Random};

const GB: u64 = 1_000_000_000;

/// Each GPU has so much.
const GPU: u64 = 24 * GB;

/// Sizes of models, in GB: from 3 billion parameters in four bits to 32 billion.
const SIZES: [u64; 8] = [2, 5, 9, 5, 20, 8, 14, 5];

/// A pattern, and what it is played on.
pub(crate) struct Pattern {
    pub(crate) name: String,
    pub(crate) machine: Machine,
    pub(crate) models: Vec<SimulatedModel>,
    pub(crate) clients: Vec<Client>,
    pub(crate) until: Duration,
    pub(crate) planning: Duration,
}

/// All of them.
pub(crate) fn all() -> Vec<Pattern> {
    let mut patterns = vec![swap(1, 4), swap(2, 4), swap(1, 16), swap(2, 16)];
    patterns.push(many("uniform", 10, 1, &Popularity::uniform(10)));
    patterns.push(many("uniform", 100, 4, &Popularity::uniform(100)));
    for (models, gpus) in [(10, 1), (10, 4), (100, 1), (100, 4), (100, 16), (1000, 1), (1000, 4), (1000, 16)]
    {
        patterns.push(many("zipf", models, gpus, &Popularity::zipf(models)));
    }
    patterns.extend([10, 100, 1000].map(settled));
    patterns.extend([office_hours(), images(), chains(1), chains(6), one_large()]);
    patterns
}

fn machine(gpus: usize, size: u64) -> Machine {
    let gpu = |number| Device {
        id: DeviceId::from(format!("gpu{number}")),
        name: "GPU".to_owned(),
        kind: DeviceKind::Discrete,
        aliases: Vec::new(),
        total: size,
        free: None,
    };
    Machine {
        physical_cores: 8,
        usable_threads: 8,
        devices: (0..gpus).map(gpu).collect(),
        hypothetical: true,
    }
}

fn models(machine: &Machine, sizes: &[u64], count: usize) -> Vec<SimulatedModel> {
    let sizes = sizes.iter().cycle().take(count).enumerate();
    sizes.map(|(number, size)| SimulatedModel::on_any(machine, &format!("m{number}"), size * GB)).collect()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn pattern(
    name: String,
    machine: Machine,
    models: Vec<SimulatedModel>,
    clients: Vec<Client>,
    minutes: u64,
) -> Pattern {
    let (until, planning) = (seconds(minutes * 60), Duration::from_millis(15));
    Pattern { name, machine, models, clients, until, planning }
}

/// What `bench swap` measures with real servers: clients that ask for a random one of two models, of which
/// one fits, again and again without a pause. Times are those that it measured.
fn swap(asked_for: usize, clients: usize) -> Pattern {
    let machine = machine(1, 3 * GB / 2);
    let models = (0..2).map(|number| SimulatedModel {
        load: Duration::from_millis(171),
        stop: Duration::from_millis(27),
        slowdown_percent: 30,
        ..SimulatedModel::on_any(&machine, &format!("m{number}"), GB)
    });
    let client = |client| {
        let mut random = Random::new(client);
        // 24 tokens; four at once take 0.57 s.
        let call = |_| Call::of(random.below(asked_for), Duration::from_millis(300));
        Client { begins: Duration::ZERO, calls: (0..10_000).map(call).collect() }
    };
    let name = if asked_for == 1 { "one model" } else { "two models, room for one" };
    Pattern {
        name: format!("{name}, {clients} clients"),
        models: models.collect(),
        machine,
        clients: (0..clients as u64).map(client).collect(),
        until: seconds(60),
        planning: Duration::from_millis(15),
    }
}

/// Eight clients for each GPU, each of whom asks for any model some ten seconds after its last answer.
fn many(kind: &str, count: usize, gpus: usize, popularity: &Popularity) -> Pattern {
    let machine = machine(gpus, GPU);
    let models = models(&machine, &SIZES, count);
    let minutes = 60;
    let client = |client| {
        let mut random = Random::new(client);
        let call = |_| {
            let call = Call::of(popularity.pick(&mut random), random.pause(seconds(2)));
            call.after(random.pause(seconds(10)))
        };
        Client { begins: Duration::ZERO, calls: (0..1000).map(call).collect() }
    };
    let clients = (0..8 * gpus as u64).map(client).collect();
    pattern(format!("{kind}, {count} models, {gpus} GPU"), machine, models, clients, minutes)
}

/// Sixteen GPUs hold 48 models, which nineteen of twenty requests are for: what decisions cost when most of
/// them are about what runs.
fn settled(count: usize) -> Pattern {
    let held = 48;
    let mut pattern = many("favourites", count, 16, &Popularity::favourites(count, held, 0.05));
    pattern.models = models(&pattern.machine, &[7], count);
    pattern
}

/// Quiet for two minutes, then sixty requests within ten seconds, for three models of six.
fn office_hours() -> Pattern {
    let machine = machine(1, GPU);
    let models = models(&machine, &[9, 14, 5, 8, 20, 5], 6);
    let mut random = Random::new(7);
    let mut clients = Vec::new();
    for burst in 0..30 {
        let asked_for: Vec<usize> = (0..3).map(|_| random.below(models.len())).collect();
        for _ in 0..60 {
            let at = seconds(burst * 120) + seconds(10).mul_f64(random.share());
            let model = asked_for[random.below(asked_for.len())];
            clients.push(Client::once(at, Call::of(model, random.pause(seconds(2)))));
        }
    }
    pattern("bursts".to_owned(), machine, models, clients, 60)
}

/// Four people talk to a model of 16 GB; now and then one of two others makes an image with one of 12 GB.
fn images() -> Pattern {
    let machine = machine(1, GPU);
    let mut models = models(&machine, &[16, 12], 2);
    models[1].slots = 1;
    let talks = |client| {
        let mut random = Random::new(client);
        let call = |_| Call::of(0, random.pause(seconds(4))).after(random.pause(seconds(10)));
        Client { begins: Duration::ZERO, calls: (0..1000).map(call).collect() }
    };
    let draws = |client| {
        let mut random = Random::new(client);
        let call = |_| Call::of(1, seconds(10)).after(random.pause(seconds(120)));
        Client { begins: Duration::ZERO, calls: (0..1000).map(call).collect() }
    };
    let clients = (0..4).map(talks).chain((4..6).map(draws)).collect();
    pattern("chat and images".to_owned(), machine, models, clients, 60)
}

/// Agents that ask one model, then the other one with its answer, and so on; both do not fit.
fn chains(agents: u64) -> Pattern {
    let machine = machine(1, GPU);
    let models = models(&machine, &[14, 14], 2);
    let agent = |agent| {
        let mut random = Random::new(agent);
        let call = |number: usize| {
            Call::of(number % 2, random.pause(seconds(3))).after(random.pause(Duration::from_millis(100)))
        };
        Client { begins: Duration::ZERO, calls: (0..4000).map(call).collect() }
    };
    pattern(format!("agent chains, {agents}"), machine, models, (0..agents).map(agent).collect(), 60)
}

/// Six small models that are asked for all the time, and a large one now and then for which all must go.
fn one_large() -> Pattern {
    let machine = machine(1, GPU);
    let models = models(&machine, &[4, 4, 4, 4, 4, 4, 20], 7);
    let small = |client| {
        let mut random = Random::new(client);
        let call = |_| Call::of(random.below(6), random.pause(seconds(2))).after(random.pause(seconds(5)));
        Client { begins: Duration::ZERO, calls: (0..2000).map(call).collect() }
    };
    let large = |client| {
        let mut random = Random::new(client);
        let call = |_| Call::of(6, random.pause(seconds(8))).after(random.pause(seconds(180)));
        Client { begins: Duration::ZERO, calls: (0..2000).map(call).collect() }
    };
    let clients = (0..8).map(small).chain((8..9).map(large)).collect();
    pattern("six small, one large".to_owned(), machine, models, clients, 60)
}
