//! Least recently used, by count: so many models at once, whatever their size.
//!
//! As the router of llama-server does with `--models-max`: a request for a model that is loaded goes to its
//! server at once; another one is loaded where most is free, after the least recently used of those that
//! have nothing to do was unloaded when there are as many as there may be. Those who wait for a model share
//! its start, and models are loaded in the order in which they were asked for.

use std::time::Duration;

use loadmaster_orchestrator::simulation::{Happening, Scheduler, SimulatedModel, Step};

use crate::fleet::{Fleet, Stage};

pub(crate) struct Lru<'a> {
    models: &'a [SimulatedModel],
    fleet: Fleet,
    most: usize,
    /// Requests for models that are not ready, in the order in which they came.
    waiting: Vec<(u64, usize)>,
}

impl<'a> Lru<'a> {
    pub(crate) fn new(fleet: Fleet, models: &'a [SimulatedModel], most: usize) -> Self {
        Self { models, fleet, most, waiting: Vec::new() }
    }

    fn serve(&mut self, now: Duration, steps: &mut Vec<Step>) {
        let fleet = &mut self.fleet;
        self.waiting.retain(|(request, model)| match fleet.of(*model) {
            Some((instance, Stage::Ready, _)) => {
                steps.push(fleet.serve(instance, *request, now));
                false
            }
            _ => true,
        });
    }

    /// Loads what is waited for, or makes room for it.
    fn load(&mut self, now: Duration, steps: &mut Vec<Step>) {
        let mut leaving = self.fleet.unloading();
        let mut seen = Vec::new();
        for place in 0..self.waiting.len() {
            let (_, model) = self.waiting[place];
            if seen.contains(&model) || self.fleet.of(model).is_some() {
                continue;
            }
            seen.push(model);
            if self.fleet.count() < self.most {
                if let Some(place) = self.fleet.emptiest(&self.models[model].places) {
                    steps.push(self.fleet.load(model, place, now));
                }
            } else if leaving > 0 {
                // Somebody makes room for it already.
                leaving -= 1;
            } else if let Some(victim) = self.fleet.least_recently_used() {
                steps.push(self.fleet.unload(victim));
            } else {
                return;
            }
        }
    }
}

impl Scheduler for Lru<'_> {
    fn take_in(&mut self, now: Duration, happening: &Happening) -> Vec<Step> {
        match *happening {
            Happening::Asked { request, model, .. } if self.models[model].places.is_empty() => {
                return vec![Step::Refuse { request }];
            }
            Happening::Asked { request, model, .. } => self.waiting.push((request, model)),
            _ => self.fleet.take_in(now, happening),
        }
        let mut steps = Vec::new();
        self.serve(now, &mut steps);
        self.load(now, &mut steps);
        steps
    }
}
