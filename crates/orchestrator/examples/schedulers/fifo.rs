//! First come, first served: one queue for all models, by bytes, without collation.
//!
//! Whoever came first is served first; nobody overtakes. If its model is not loaded, it is, after what is
//! in its way and idle has been unloaded, the least recently used first; what is busy is waited for.
//! So does whoever puts a queue in front of a server that can load one model or another.

use std::{collections::VecDeque, time::Duration};

use loadmaster_core::Estimate;
use loadmaster_orchestrator::simulation::{Happening, Scheduler, SimulatedModel, Step};

use crate::fleet::{Fleet, Stage};

pub(crate) struct Fifo<'a> {
    models: &'a [SimulatedModel],
    fleet: Fleet,
    queue: VecDeque<(u64, usize)>,
}

impl<'a> Fifo<'a> {
    pub(crate) fn new(fleet: Fleet, models: &'a [SimulatedModel]) -> Self {
        Self { models, fleet, queue: VecDeque::new() }
    }

    /// What to do for the first in the queue; nothing when it can only wait.
    fn head(&mut self, now: Duration) -> Option<Step> {
        let &(request, model) = self.queue.front()?;
        match self.fleet.of(model) {
            Some((instance, Stage::Ready, busy)) => {
                let slots = usize::try_from(self.models[model].slots).unwrap_or(usize::MAX);
                (busy < slots).then(|| {
                    self.queue.pop_front();
                    self.fleet.serve(instance, request, now)
                })
            }
            Some(_) => None,
            None => self.make_room(model, now),
        }
    }

    fn make_room(&mut self, model: usize, now: Duration) -> Option<Step> {
        let places = &self.models[model].places;
        if let Some(place) = places.iter().find(|place| self.fleet.fits(place)) {
            return Some(self.fleet.load(model, place.clone(), now));
        }
        if self.fleet.is_unloading() {
            return None;
        }
        // Where the least recently used are in the way, and idle.
        let way = |place: &Estimate| {
            let victims = self.fleet.in_the_way(place)?;
            Some((self.fleet.last_used(&victims), victims))
        };
        let (_, victims) = places.iter().filter_map(way).min()?;
        victims.first().map(|instance| self.fleet.unload(*instance))
    }
}

impl Scheduler for Fifo<'_> {
    fn take_in(&mut self, now: Duration, happening: &Happening) -> Vec<Step> {
        match *happening {
            Happening::Asked { request, model, .. } if self.models[model].places.is_empty() => {
                return vec![Step::Refuse { request }];
            }
            Happening::Asked { request, model, .. } => self.queue.push_back((request, model)),
            _ => self.fleet.take_in(now, happening),
        }
        let mut steps = Vec::new();
        while let Some(step) = self.head(now) {
            steps.push(step);
        }
        steps
    }
}
