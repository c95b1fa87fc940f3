//! What happens without a request: preloading, restoring, unloading what nobody uses.

use std::{cmp::Reverse, sync::Arc, time::Duration};

use loadmaster_core::{InstanceId, InstanceState};

use super::{InstanceEntry, ModelEntry, Progress, State, Wanted, verdict::Pressure};
use crate::{KeepAlive, Restore, steps::Action};

/// How many models at most wait to come back in case that there is room for them again.
const COME_BACK: usize = 8;

/// How many inputs are taken in between two searches for those who have nothing to do.
const BETWEEN_RESTS: u64 = 32;

impl State {
    /// Every now and then, finds out who has nothing to do.
    pub(super) fn let_rest(&mut self) {
        self.inputs = self.inputs.wrapping_add(1);
        if !self.inputs.is_multiple_of(BETWEEN_RESTS) {
            return;
        }
        self.instances.rest(|instance| !instance.state.is_alive());
        let instances = &self.instances;
        self.models.rest(|entry| {
            let alive =
                |id| instances.get(id).is_some_and(|instance: &InstanceEntry| instance.state.is_alive());
            entry.waiting.is_empty()
                && matches!(entry.progress, Progress::None)
                && entry.wanted == Wanted::No
                && !entry.instance.as_ref().is_some_and(alive)
        });
    }

    /// Somebody wants `model` loaded, without a request for it.
    pub(super) fn load_asked(&mut self, model: &str) {
        if let Some(entry) = self.models.get_mut(model).filter(|entry| !entry.removed) {
            entry.wanted = Wanted::Yes;
        }
    }

    /// Unloads what has not been used for as long as its rules, or the latest request, say.
    pub(super) fn unload_the_idle(&mut self, actions: &mut Vec<Action>) {
        let over = |(id, instance): (&InstanceId, &InstanceEntry)| {
            (self.idle_end(instance)? <= self.now).then(|| id.clone())
        };
        let over: Vec<InstanceId> = self.instances.busy().filter_map(over).collect();
        for id in over {
            self.move_away(&id, actions);
        }
    }

    /// When `instance` will have been idle for as long as it may.
    fn idle_end(&self, instance: &InstanceEntry) -> Option<Duration> {
        let entry = self.models.get(&instance.model)?;
        let idle = instance.state == InstanceState::Ready && instance.is_free() && entry.waiting.is_empty();
        let may_be = match instance.keep_alive {
            Some(KeepAlive::For(time)) => time,
            Some(KeepAlive::Forever) => return None,
            None => Duration::from_secs(entry.rules.idle_seconds?),
        };
        idle.then(|| instance.used.saturating_add(may_be))
    }

    /// Plans one model that shall be loaded without a request, once nothing waits for memory.
    pub(super) fn load_what_is_wanted(&mut self, actions: &mut Vec<Action>) {
        let under_way = |entry: &ModelEntry| !matches!(entry.progress, Progress::None);
        let starting = |instance: &InstanceEntry| {
            matches!(instance.state, InstanceState::Starting | InstanceState::Stopping)
        };
        if self.somebody_waits()
            || self.models.busy_values().any(under_way)
            || self.instances.busy_values().any(starting)
        {
            return;
        }
        let wanted = |(model, entry): (&String, &ModelEntry)| {
            let wanted = self.is_wanted_now(entry) && entry.trouble.is_over(self.now);
            let place = entry.resumed.unwrap_or(usize::MAX);
            let used = || entry.instance.as_ref().and_then(|id| Some(self.instances.get(id)?.used));
            // What was used last is the likeliest to be asked for again.
            (wanted && self.living_of(entry).is_none())
                .then(|| (!entry.rules.pinned, place, Reverse(used()), model.clone()))
        };
        if let Some((.., model)) = self.models.busy().filter_map(wanted).min() {
            self.prepare(&model, None, true, actions);
        }
    }

    /// Notes that an instance which is about to be moved away comes back as it is, if its rules say so. Of
    /// those that come back if they happen to fit, only the last few do: with hundreds of models, somebody
    /// would be loaded for nothing each time that anything ended.
    pub(super) fn offload(&mut self, id: &InstanceId) {
        let now = self.now;
        let Some(instance) = self.instances.get(id) else { return };
        let Some(entry) = self.models.get_mut(&instance.model) else { return };
        if entry.rules.restore == Restore::Never {
            return;
        }
        entry.wanted = Wanted::NoRoom { tried: now };
        // What was changed meanwhile comes back by a plan of its own.
        let same = instance.edition == entry.edition;
        entry.offloaded = same.then(|| Arc::clone(&instance.plan));
        let displaced = |entry: &ModelEntry| {
            entry.offloaded.is_some() && entry.rules.restore == Restore::WhenIdle && !entry.rules.preload
        };
        let used = |entry: &ModelEntry| Some(self.instances.get(entry.instance.as_ref()?)?.used);
        let displaced = self.models.busy().filter(|(_, entry)| displaced(entry));
        // Of those that come back after a restart, the first in line was used last.
        let place = |entry: &ModelEntry| (used(entry), Reverse(entry.resumed));
        let mut displaced: Vec<_> = displaced.map(|(name, entry)| (place(entry), name.clone())).collect();
        displaced.sort();
        let too_many = displaced.len().saturating_sub(COME_BACK);
        for (_, longest_unused) in displaced.drain(..too_many) {
            if let Some(entry) = self.models.get_mut(&longest_unused) {
                (entry.wanted, entry.offloaded) = (Wanted::No, None);
            }
        }
    }

    fn is_wanted_now(&self, entry: &ModelEntry) -> bool {
        match entry.wanted {
            Wanted::No => false,
            Wanted::Yes => true,
            Wanted::NoRoom { tried } => {
                let pressure = Pressure::unasked(entry.rules.restore);
                self.restore_times(pressure).any(|time| tried < time && time <= self.now)
            }
        }
    }

    /// When those that are idle now may be unloaded for one that nobody waits for, and that presses so.
    fn restore_times(&self, pressure: Pressure) -> impl Iterator<Item = Duration> {
        let idle = self
            .instances
            .busy_values()
            .filter(|instance| instance.state == InstanceState::Ready && instance.is_free());
        idle.filter_map(move |instance| {
            Some(instance.used.saturating_add(self.yields_after(instance, pressure)?))
        })
    }

    /// How long `instance` must have been idle before it goes for a model that nobody waits for.
    pub(super) fn yields_after(&self, instance: &InstanceEntry, pressure: Pressure) -> Option<Duration> {
        let yields = self.models.get(&instance.model).and_then(|entry| entry.rules.yields_seconds);
        match (yields, pressure) {
            (Some(seconds), _) => Some(Duration::from_secs(seconds)),
            (None, Pressure::Always) => Some(self.policy.restore_after),
            (None, _) => None,
        }
    }

    /// Others went for a model that is not started after all, since nobody waits for it any more, or it cannot be:
    /// their room is theirs again.
    pub(super) fn give_back_what_was_not_taken(&mut self) {
        let idle = |entry: &ModelEntry| {
            entry.waiting.is_empty() && entry.wanted == Wanted::No && matches!(entry.progress, Progress::None)
        };
        let not_taken =
            |(model, entry): (&String, &ModelEntry)| (entry.made_room && idle(entry)).then(|| model.clone());
        let not_taken: Vec<String> = self.models.busy().filter_map(not_taken).collect();
        for model in not_taken {
            if let Some(entry) = self.models.get_mut(&model) {
                entry.made_room = false;
            }
            self.something_ended(&model);
        }
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
        for (_, entry) in self.models.busy_mut().filter(|(name, _)| *name != model) {
            if let Wanted::NoRoom { .. } = entry.wanted {
                entry.wanted = Wanted::Yes;
            }
        }
    }

    pub(super) fn idle_times(&self) -> impl Iterator<Item = Duration> {
        let ends = self.instances.busy_values().filter_map(|instance| self.idle_end(instance));
        let drains = self.instances.busy_values().filter_map(|instance| instance.drained_by);
        let waits = self.models.busy_values().filter(|entry| matches!(entry.wanted, Wanted::NoRoom { .. }));
        // Of the two, who is always restored waits for everybody whom the other waits for.
        let pressure = waits.map(|entry| Pressure::unasked(entry.rules.restore)).max();
        let restores = pressure.into_iter().flat_map(|pressure| self.restore_times(pressure));
        ends.chain(drains).chain(restores)
    }
}
