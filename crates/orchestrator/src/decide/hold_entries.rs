//! The holds that there are, and how far each has come.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use loadmaster_core::{DeviceId, HoldId, InstanceId, Machine};

use super::{ModelEntry, State};
use crate::{HoldRequest, HoldStatus};

/// How far a hold has come.
#[derive(Debug)]
pub(super) enum Stage {
    /// The machine is being read.
    Reading {
        /// The ledger's count of changes when it began: more of them, and it has to be read again.
        changes: u64,
        /// Whether memory had just been given back.
        settle: bool,
    },
    /// It does not fit now; or it was not looked at yet.
    Blocked {
        machine: Box<Machine>,
        /// When it was read.
        read: Duration,
        changes: u64,
    },
    /// Others leave to make room for it.
    MakingRoom { leaving: BTreeSet<InstanceId> },
    /// Its program may take the memory.
    Granted {
        /// When it ends by itself.
        until: Option<Duration>,
    },
}

#[derive(Debug)]
pub(super) struct HoldEntry {
    pub(super) request: HoldRequest,
    /// Bytes of each device, by its id; empty until the machine was read.
    pub(super) devices: BTreeMap<DeviceId, u64>,
    pub(super) stage: Stage,
    /// Whether others went for it: nobody at all takes its room.
    pub(super) promised: bool,
    pub(super) since: Duration,
    /// When it is turned away.
    pub(super) until: Duration,
}

impl HoldEntry {
    pub(super) fn is_granted(&self) -> bool {
        matches!(self.stage, Stage::Granted { .. })
    }

    /// When time alone ends it. While the machine is being read, it has not been looked at yet.
    pub(super) fn end(&self) -> Option<Duration> {
        match &self.stage {
            Stage::Granted { until } => *until,
            Stage::Reading { .. } => None,
            Stage::Blocked { .. } | Stage::MakingRoom { .. } => Some(self.until),
        }
    }
}

impl State {
    /// The holds that still wait, and that came after `since`; of those that came at the same time, after
    /// `hold`. They keep nobody waiting who was there before them.
    pub(super) fn holds_after(&self, since: Duration, hold: Option<HoldId>) -> BTreeSet<HoldId> {
        let after = self.holds.iter().filter(|(id, entry)| {
            let later = entry.since > since || entry.since == since && hold.is_some_and(|hold| **id > hold);
            later && !entry.promised && !entry.is_granted()
        });
        after.map(|(id, _)| *id).collect()
    }

    /// The holds that do not keep the requests for `model` waiting.
    pub(super) fn holds_behind(&self, model: &str) -> BTreeSet<HoldId> {
        let since = self.models.get(model).and_then(ModelEntry::waits_since);
        since.map_or_else(BTreeSet::new, |since| self.holds_after(since, None))
    }

    pub(super) fn all_holds(&self) -> BTreeSet<HoldId> {
        self.holds.keys().copied().collect()
    }

    /// Whether the machine is being read for a hold.
    pub(super) fn reads_for_a_hold(&self) -> bool {
        self.holds.values().any(|entry| matches!(entry.stage, Stage::Reading { .. }))
    }

    /// Whether a hold waits for memory.
    pub(super) fn some_hold_waits(&self) -> bool {
        self.holds.values().any(|entry| !entry.is_granted())
    }

    /// Whether there is such a hold.
    pub(crate) fn knows_hold(&self, id: HoldId) -> bool {
        self.holds.contains_key(&id)
    }

    pub(super) fn hold_statuses(&self) -> Vec<HoldStatus> {
        let status = |(id, entry): (&HoldId, &HoldEntry)| HoldStatus {
            id: *id,
            note: entry.request.note.clone(),
            devices: entry.devices.clone(),
            granted: entry.is_granted(),
            leaving: match &entry.stage {
                Stage::MakingRoom { leaving } => leaving.iter().cloned().collect(),
                _ => Vec::new(),
            },
            seconds_left: match entry.stage {
                Stage::Granted { until: Some(until) } => Some(until.saturating_sub(self.now).as_secs()),
                _ => None,
            },
        };
        self.holds.iter().map(status).collect()
    }

    /// Since when holds wait that nobody makes room for yet.
    pub(super) fn holds_wait_since(&self) -> impl Iterator<Item = Duration> + Clone {
        let blocked = self.holds.values().filter(|entry| matches!(entry.stage, Stage::Blocked { .. }));
        blocked.map(|entry| entry.since)
    }

    pub(super) fn hold_times(&self) -> impl Iterator<Item = Duration> {
        self.holds.values().filter_map(HoldEntry::end)
    }
}
