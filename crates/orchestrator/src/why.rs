//! Why a request waits, in words for whoever sent it.

use std::fmt;

use loadmaster_core::ModelKind;
use serde::{Deserialize, Serialize};

use crate::{Shortage, WaitsFor};

/// So many models are named; of more, their number is told.
const NAMED: usize = 3;

/// Why a request waits. Shown, it is a sentence without its full stop: `sd15 is painting`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The model that was asked for.
    pub model: String,
    /// What it is for.
    pub kind: ModelKind,
    /// What it waits for, as in the status.
    pub waits_for: WaitsFor,
    /// Who has the memory that it lacks, or makes room; the busiest first. Pinned models are not among them:
    /// nobody waits for their end.
    pub others: Vec<Other>,
}

/// Another model that has memory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Other {
    /// What it does.
    pub doing: Doing,
    /// Its name.
    pub model: String,
}

/// What a model does with its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Doing {
    /// It makes images.
    Painting,
    /// It answers requests.
    Answering,
    /// It is being loaded.
    Loading,
    /// Others make room for it.
    Expected,
    /// It ends, and gives its memory back.
    Leaving,
    /// Nothing. It is loaded.
    Idle,
}

impl Doing {
    /// What a model does that works on requests.
    pub(crate) fn work(kind: ModelKind) -> Self {
        if kind == ModelKind::Image { Self::Painting } else { Self::Answering }
    }
}

impl fmt::Display for Other {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { doing, model } = self;
        match doing {
            Doing::Painting => write!(formatter, "{model} is painting"),
            Doing::Answering => write!(formatter, "{model} is answering"),
            Doing::Loading => write!(formatter, "{model} is being loaded"),
            Doing::Expected => write!(formatter, "room is being made for {model}"),
            Doing::Leaving => write!(formatter, "{model} gives its memory back"),
            Doing::Idle => write!(formatter, "memory is still held by {model}"),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let model = &self.model;
        match &self.waits_for {
            WaitsFor::Plan => write!(formatter, "memory for {model} is being planned"),
            WaitsFor::Start => write!(formatter, "{model} is being loaded"),
            WaitsFor::Place => {
                let other = Other { doing: Doing::work(self.kind), model: model.clone() };
                write!(formatter, "{other}")
            }
            WaitsFor::End => write!(formatter, "{model} ends, and is loaded again"),
            WaitsFor::Pause => write!(formatter, "{model} is loaded again after a pause, its servers died"),
            WaitsFor::Hold { .. } => write!(formatter, "memory is held for other programs"),
            WaitsFor::Memory { .. } | WaitsFor::Room { .. } if !self.others.is_empty() => {
                listed(formatter, &self.others)
            }
            WaitsFor::Memory { shortages } => {
                let shortages: Vec<String> = shortages.iter().map(Shortage::to_string).collect();
                write!(formatter, "there is too little memory, {}", shortages.join(", "))
            }
            WaitsFor::Room { .. } => write!(formatter, "room is being made for {model}"),
        }
    }
}

fn listed(formatter: &mut fmt::Formatter<'_>, others: &[Other]) -> fmt::Result {
    for (index, other) in others.iter().take(NAMED).enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(formatter, "{comma}{other}")?;
    }
    match others.len().saturating_sub(NAMED) {
        0 => Ok(()),
        more => write!(formatter, ", and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use loadmaster_core::{DeviceId, HoldId, InstanceId};

    use super::*;

    fn told(kind: ModelKind, waits_for: WaitsFor, others: &[(Doing, &str)]) -> String {
        let other = |(doing, model): &(Doing, &str)| Other { doing: *doing, model: (*model).to_owned() };
        Why { model: "m".to_owned(), kind, waits_for, others: others.iter().map(other).collect() }.to_string()
    }

    fn memory() -> WaitsFor {
        let short = Shortage { device: DeviceId::host(), needed: 2 << 30, available: 1 << 30, budget: None };
        WaitsFor::Memory { shortages: vec![short] }
    }

    #[test]
    fn each_reason_has_its_words() {
        for (waits_for, words) in [
            (WaitsFor::Plan, "memory for m is being planned"),
            (WaitsFor::Start, "m is being loaded"),
            (WaitsFor::Place, "m is answering"),
            (WaitsFor::End, "m ends, and is loaded again"),
            (WaitsFor::Pause, "m is loaded again after a pause, its servers died"),
            (
                WaitsFor::Hold { holds: vec![HoldId::new(1)], shortages: Vec::new() },
                "memory is held for other programs",
            ),
            (memory(), "there is too little memory, host needs 2.00 GiB and has 1.00 GiB left"),
            (WaitsFor::Room { leaving: vec![InstanceId::new("a", 1)] }, "room is being made for m"),
        ] {
            assert_eq!(told(ModelKind::Text, waits_for, &[]), words);
        }
        assert_eq!(told(ModelKind::Image, WaitsFor::Place, &[]), "m is painting");
    }

    #[test]
    fn who_has_the_memory_is_named() {
        for (doing, words) in [
            (Doing::Painting, "a is painting"),
            (Doing::Answering, "a is answering"),
            (Doing::Loading, "a is being loaded"),
            (Doing::Expected, "room is being made for a"),
            (Doing::Leaving, "a gives its memory back"),
            (Doing::Idle, "memory is still held by a"),
        ] {
            assert_eq!(told(ModelKind::Text, memory(), &[(doing, "a")]), words);
        }
    }

    #[test]
    fn of_many_three_are_named() {
        let many = ["a", "b", "c", "d", "e"].map(|model| (Doing::Answering, model));
        let words = told(ModelKind::Text, memory(), &many);
        assert_eq!(words, "a is answering, b is answering, c is answering, and 2 more");
    }
}
