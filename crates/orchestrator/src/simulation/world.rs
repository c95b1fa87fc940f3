//! Virtual time: what was told to happen happens when its time has come, and the scheduler hears of it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    time::Duration,
};

use loadmaster_core::{DeviceId, Estimate};

use super::{Client, Happening, Report, Scheduler, Simulation, Step, Waits, server::Server};

/// What happens by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A client sends its next request.
    Call {
        client: usize,
    },
    Loaded {
        instance: u64,
    },
    Unloaded {
        instance: u64,
    },
}

/// A request that is not over.
#[derive(Debug)]
struct Open {
    client: usize,
    asked: Duration,
    service: Duration,
}

/// What is loaded of a device.
#[derive(Debug, Default)]
struct Memory {
    size: u64,
    used: u64,
}

#[derive(Debug)]
pub(super) struct World<'a> {
    simulation: &'a Simulation,
    clients: Vec<Client>,
    /// How many requests each client has sent.
    sent: Vec<usize>,
    now: Duration,
    due: BinaryHeap<Reverse<(Duration, u64, Due)>>,
    /// Counts what becomes due, so that what is due at once happens in the order in which it came about.
    counted: u64,
    /// How many requests are about to be sent.
    calls_due: usize,
    requests: u64,
    open: BTreeMap<u64, Open>,
    servers: BTreeMap<u64, Server>,
    places: BTreeMap<u64, Estimate>,
    memory: BTreeMap<DeviceId, Memory>,
    waits: Vec<Duration>,
    answers: Vec<Duration>,
    /// Bytes that were used, times seconds.
    byte_seconds: f64,
    report: Report,
}

impl<'a> World<'a> {
    pub(super) fn new(simulation: &'a Simulation, clients: Vec<Client>) -> Self {
        let size = |device: &loadmaster_core::Device| device.free.unwrap_or(device.total);
        let devices = simulation.machine.devices.iter();
        let memory = devices.map(|device| (device.id.clone(), Memory { size: size(device), used: 0 }));
        let mut world = Self {
            simulation,
            sent: vec![0; clients.len()],
            clients,
            now: Duration::ZERO,
            due: BinaryHeap::new(),
            counted: 0,
            calls_due: 0,
            requests: 0,
            open: BTreeMap::new(),
            servers: BTreeMap::new(),
            places: BTreeMap::new(),
            memory: memory.collect(),
            waits: Vec::new(),
            answers: Vec::new(),
            byte_seconds: 0.0,
            report: Report::default(),
        };
        for client in 0..world.clients.len() {
            let begins = world.clients[client].begins;
            world.send_next(client, begins);
        }
        world
    }

    /// Until nothing happens any more.
    pub(super) fn play(mut self, scheduler: &mut impl Scheduler) -> Report {
        while let Some(happening) = self.next(scheduler.next_wake()) {
            for step in scheduler.take_in(self.now, &happening) {
                self.carry_out(step);
            }
        }
        self.report(scheduler)
    }

    /// Goes on to the next thing that happens. What the scheduler wants to be woken for comes last.
    fn next(&mut self, wake: Option<Duration>) -> Option<Happening> {
        // With nobody left to serve, what it would do by itself does not count.
        let wake = wake.filter(|_| !self.open.is_empty() || self.calls_due > 0);
        let ends = self.servers.iter().filter_map(|(id, server)| Some((server.next_end()?, *id)));
        let end = ends.min();
        let due = self.due.peek().map(|Reverse((at, _, _))| *at);
        let first = [end.map(|(at, _)| at), due, wake].into_iter().flatten().min()?;
        self.go_to(first);
        if let Some((_, instance)) = end.filter(|(at, _)| *at <= first) {
            return Some(self.answered(instance));
        }
        if due.is_some_and(|at| at <= first) {
            let Reverse((_, _, due)) = self.due.pop()?;
            return Some(self.happen(due));
        }
        Some(Happening::Woken)
    }

    #[expect(clippy::cast_precision_loss, reason = "a share of memory needs no more than 52 bits")]
    fn go_to(&mut self, time: Duration) {
        let counted = time.min(self.simulation.until).saturating_sub(self.now.min(self.simulation.until));
        let used: u64 = self.memory.values().map(|memory| memory.used).sum();
        self.byte_seconds += used as f64 * counted.as_secs_f64();
        self.now = self.now.max(time);
    }

    fn happen(&mut self, due: Due) -> Happening {
        match due {
            Due::Call { client } => self.call(client),
            // A start that was called off is none.
            Due::Loaded { instance } if !self.servers.contains_key(&instance) => Happening::Woken,
            Due::Loaded { instance } => Happening::Loaded { instance },
            Due::Unloaded { instance } => {
                if let Some(place) = self.places.remove(&instance) {
                    self.charge(&place, u64::saturating_sub);
                }
                Happening::Unloaded { instance }
            }
        }
    }

    fn call(&mut self, client: usize) -> Happening {
        self.calls_due -= 1;
        let call = &self.clients[client].calls[self.sent[client]];
        self.sent[client] += 1;
        self.requests += 1;
        self.report.asked += 1;
        let request = self.requests;
        self.open.insert(request, Open { client, asked: self.now, service: call.service });
        Happening::Asked { request, model: call.model, wish: call.wish }
    }

    fn answered(&mut self, instance: u64) -> Happening {
        let ended = self.servers.get_mut(&instance).and_then(|server| server.end(self.now));
        let (request, begun) = ended.expect("the server said that it would answer now");
        self.begun(&begun);
        if let Some(open) = self.open.remove(&request) {
            self.answers.push(self.now.saturating_sub(open.asked));
            self.report.answered += 1;
            self.report.completed += u64::from(self.now < self.simulation.until);
            self.send_next(open.client, self.now);
        }
        Happening::Answered { request, instance }
    }

    /// Notes how long those have waited whose work begins.
    fn begun(&mut self, requests: &[u64]) {
        let waited = requests
            .iter()
            .filter_map(|request| Some(self.now.saturating_sub(self.open.get(request)?.asked)));
        self.waits.extend(waited);
    }

    fn send_next(&mut self, client: usize, since: Duration) {
        let Some(call) = self.clients[client].calls.get(self.sent[client]) else {
            return;
        };
        let at = since.saturating_add(call.after);
        if at < self.simulation.until {
            self.calls_due += 1;
            self.plan(at, Due::Call { client });
        }
    }

    fn plan(&mut self, at: Duration, due: Due) {
        self.counted += 1;
        self.due.push(Reverse((at, self.counted, due)));
    }

    fn carry_out(&mut self, step: Step) {
        match step {
            Step::Load { instance, model, place } => self.load(instance, model, place),
            Step::Serve { request, instance } => {
                let service = self.open.get(&request).map_or(Duration::ZERO, |open| open.service);
                if let Some(server) = self.servers.get_mut(&instance) {
                    let begun = server.take(self.now, request, service);
                    self.begun(&begun);
                }
            }
            Step::Refuse { request } => {
                self.report.refused += 1;
                self.over(request);
            }
            Step::Unload { instance } => {
                let Some(server) = self.servers.remove(&instance) else {
                    return;
                };
                self.plan(
                    self.now.saturating_add(self.simulation.models[server.model].stop),
                    Due::Unloaded { instance },
                );
                for request in server.into_requests() {
                    self.report.cut_off += 1;
                    self.over(request);
                }
            }
        }
    }

    /// The request ends without an answer.
    fn over(&mut self, request: u64) {
        if let Some(open) = self.open.remove(&request) {
            self.send_next(open.client, self.now);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a share of memory needs no more than 52 bits")]
    fn load(&mut self, instance: u64, number: usize, place: Estimate) {
        let model = &self.simulation.models[number];
        self.report.loads += 1;
        let bytes = place.devices.iter().map(loadmaster_core::DeviceEstimate::total);
        self.report.bytes_loaded += bytes.sum::<u64>();
        self.charge(&place, u64::saturating_add);
        self.report.overcommitted += u64::from(self.memory.values().any(|memory| memory.used > memory.size));
        for memory in self.memory.values().filter(|memory| memory.size > 0) {
            let percent = memory.used as f64 / memory.size as f64 * 100.0;
            self.report.peak_percent = self.report.peak_percent.max(percent);
        }
        self.places.insert(instance, place);
        self.servers.insert(instance, Server::new(number, model));
        self.plan(self.now.saturating_add(model.load), Due::Loaded { instance });
    }

    fn charge(&mut self, place: &Estimate, change: fn(u64, u64) -> u64) {
        for part in &place.devices {
            let memory = self.memory.entry(part.device.clone()).or_default();
            memory.used = change(memory.used, part.total());
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a share of memory needs no more than 52 bits")]
    fn report(self, scheduler: &impl Scheduler) -> Report {
        let size: u64 = self.memory.values().map(|memory| memory.size).sum();
        let seconds = self.now.min(self.simulation.until).as_secs_f64();
        let all = size as f64 * seconds;
        Report {
            used_percent: if all > 0.0 { self.byte_seconds / all * 100.0 } else { 0.0 },
            waits: Waits::of(self.waits),
            answers: Waits::of(self.answers),
            ended: self.now,
            cost: scheduler.cost(),
            ..self.report
        }
    }
}
