//! Since when instances have nothing to do, as far as was seen: the API tells what they do now.

use std::collections::BTreeMap;

use loadmaster_core::InstanceState;
use loadmaster_orchestrator::Status;

/// Since when instances are idle, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Idle {
    since: BTreeMap<String, Since>,
    /// Whether an earlier status was seen: what became idle after that did so now.
    watched: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Since {
    at_ms: u64,
    /// Whether it was idle already when it was first seen.
    longer: bool,
}

impl Idle {
    /// Takes in what is so at `now_ms`.
    pub(crate) fn seen(mut self, status: &Status, now_ms: u64) -> Self {
        let instances = status.models.iter().filter_map(|model| model.instance.as_ref());
        let idle = instances.filter(|one| one.state == InstanceState::Ready && one.leases == 0);
        let since = idle.map(|instance| {
            let id = instance.id.to_string();
            let new = Since { at_ms: now_ms, longer: !self.watched };
            let since = self.since.get(&id).copied().unwrap_or(new);
            (id, since)
        });
        self.since = since.collect();
        self.watched = true;
        self
    }

    /// For how many seconds an instance is idle at `now_ms`, and whether it is for longer than that.
    pub(crate) fn of(&self, instance: &str, now_ms: u64) -> Option<(u64, bool)> {
        let since = self.since.get(instance)?;
        Some((now_ms.saturating_sub(since.at_ms) / 1000, since.longer))
    }
}
