//! What happens without a request: preloading, restoring, unloading what nobody uses.

use std::time::Duration;

use loadmaster_core::{InstanceId, InstanceState};

use super::{InstanceEntry, ModelEntry, Progress, State, Wanted};
use crate::{Restore, steps::Action};

impl State {
    /// Somebody wants `model` loaded, without a request for it.
    pub(super) fn load_asked(&mut self, model: &str) {
        if let Some(entry) = self.models.get_mut(model).filter(|entry| !entry.removed) {
            entry.wanted = Wanted::Yes;
        }
    }

    /// Unloads what has not been used for as long as its rules say.
    pub(super) fn unload_the_idle(&mut self, actions: &mut Vec<Action>) {
        let over = |(id, instance): (&InstanceId, &InstanceEntry)| {
            (self.idle_end(instance)? <= self.now).then(|| id.clone())
        };
        let over: Vec<InstanceId> = self.instances.iter().filter_map(over).collect();
        for id in over {
            self.move_away(&id, actions);
        }
    }

    /// When `instance` will have been idle for as long as it may.
    fn idle_end(&self, instance: &InstanceEntry) -> Option<Duration> {
        let entry = self.models.get(&instance.model)?;
        let idle = instance.state == InstanceState::Ready && instance.is_free() && entry.waiting.is_empty();
        let seconds = entry.rules.idle_seconds.filter(|_| idle)?;
        Some(instance.used.saturating_add(Duration::from_secs(seconds)))
    }

    /// Plans one model that shall be loaded without a request, once nothing waits for memory.
    pub(super) fn load_what_is_wanted(&mut self, actions: &mut Vec<Action>) {
        let under_way = |entry: &ModelEntry| !matches!(entry.progress, Progress::None);
        let starting = |instance: &InstanceEntry| {
            matches!(instance.state, InstanceState::Starting | InstanceState::Stopping)
        };
        if self.somebody_waits()
            || self.models.values().any(under_way)
            || self.instances.values().any(starting)
        {
            return;
        }
        let wanted = |(model, entry): (&String, &ModelEntry)| {
            let absent = self.living_of(entry).is_none() && entry.trouble.is_over(self.now);
            let place = entry.resumed.unwrap_or(usize::MAX);
            (absent && self.is_wanted_now(entry)).then(|| (!entry.rules.pinned, place, model.clone()))
        };
        if let Some((.., model)) = self.models.iter().filter_map(wanted).min() {
            self.prepare(&model, None, true, actions);
        }
    }

    fn is_wanted_now(&self, entry: &ModelEntry) -> bool {
        match entry.wanted {
            Wanted::No => false,
            Wanted::Yes => true,
            Wanted::NoRoom { tried } => {
                entry.rules.restore == Restore::Always
                    && self.restore_times().any(|time| tried < time && time <= self.now)
            }
        }
    }

    /// When those that are idle now may be unloaded for one that is always restored.
    fn restore_times(&self) -> impl Iterator<Item = Duration> {
        let idle = self
            .instances
            .values()
            .filter(|instance| instance.state == InstanceState::Ready && instance.is_free());
        idle.map(|instance| instance.used.saturating_add(self.policy.restore_after))
    }

    /// There is no room for what nobody waits for: tried again when something ended.
    pub(super) fn give_up_for_now(&mut self, model: &str) {
        self.call_off(model);
        let tried = self.now;
        if let Some(entry) = self.models.get_mut(model) {
            entry.wanted = Wanted::NoRoom { tried };
        }
    }

    /// Something ended: what found no room may find it now.
    pub(super) fn something_ended(&mut self, model: &str) {
        // Its own end, for the sake of another one, is no reason to come back.
        for (_, entry) in self.models.iter_mut().filter(|(name, _)| *name != model) {
            if let Wanted::NoRoom { .. } = entry.wanted {
                entry.wanted = Wanted::Yes;
            }
        }
    }

    pub(super) fn idle_times(&self) -> impl Iterator<Item = Duration> {
        let ends = self.instances.values().filter_map(|instance| self.idle_end(instance));
        let drains = self.instances.values().filter_map(|instance| instance.drained_by);
        let restores = self.models.values().any(|entry| {
            matches!(entry.wanted, Wanted::NoRoom { .. }) && entry.rules.restore == Restore::Always
        });
        ends.chain(drains).chain(self.restore_times().filter(move |_| restores))
    }
}
