//! What the orchestrator is to keep to.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::Budgets;

/// What the orchestrator is to keep to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What may be taken of each device.
    pub budgets: Budgets,
    /// How long a model that is told to stop may finish the requests it has.
    pub drain: Duration,
    /// How long a server may take to end before it is ended by force.
    pub patience: Duration,
    /// How long a request waits for memory before the models in its way take no new requests: the bound
    /// on how long the busy may keep the others out.
    ///
    /// It bounds everybody's wait. Who has waited for a turn is looked at in the order of coming, whatever its
    /// priority. Who has waited for two, and longest of all, has its memory kept on the device that it is planned
    /// for: nobody who came later gets in but beside it. From then on it waits for what is there already, which
    /// is at most one swap that is under way, a turn, [`Policy::drain`] (or what the rules of the model in its way say
    /// instead) and [`Policy::patience`], and then for its
    /// own start. With `n` models before it that need the same memory, it is at most `n + 1` times as much.
    pub turn: Duration,
    /// How long a model must have had nothing to do before it is unloaded for another one. A client that
    /// asks again at once then finds it still there; against a swap it costs next to nothing.
    pub linger: Duration,
    /// How many requests may wait for one model; more are turned away.
    pub queue: usize,
    /// How long a request waits at most, unless it says otherwise itself.
    pub wait: Duration,
    /// How long a model that took another one's place must have been idle before a model that is always
    /// restored may take it back.
    pub restore_after: Duration,
    /// How long an instance may get nothing done, although it has something to do, before it counts as hung
    /// and is ended; `None` lets it be. What merely is slow uses its CPUs or its GPU, and is left alone for ten
    /// times as long.
    pub hang: Option<Duration>,
    /// The file that remembers what models took, for better estimates; `None` forgets with the program.
    pub measurements: Option<PathBuf>,
    /// Whether what runs at the end is to be there again at the next start ([`Orchestrator::residents`],
    /// [`Orchestrator::resume`]): conversations are kept at the end then.
    ///
    /// [`Orchestrator::residents`]: crate::Orchestrator::residents
    /// [`Orchestrator::resume`]: crate::Orchestrator::resume
    pub resume: bool,
}

impl Default for Policy {
    /// No budgets; 30 s to drain, 5 s to end; turns of 10 s; 1024 requests wait 10 minutes at most;
    /// what gets nothing done for 2 minutes hangs; measurements are not kept.
    fn default() -> Self {
        Self {
            budgets: Budgets::default(),
            drain: Duration::from_secs(30),
            patience: Duration::from_secs(5),
            turn: Duration::from_secs(10),
            linger: Duration::from_millis(20),
            queue: 1024,
            wait: Duration::from_mins(10),
            restore_after: Duration::from_secs(5),
            hang: Some(Duration::from_mins(2)),
            measurements: None,
            resume: false,
        }
    }
}

/// What is kept to for one model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelRules {
    /// Whether it is loaded before anybody asks for it, as soon as there is room.
    pub preload: bool,
    /// Whether it is never unloaded to make room for others.
    pub pinned: bool,
    /// Seconds without a request after which it is unloaded; never by itself without.
    pub idle_seconds: Option<u64>,
    /// Whether it comes back after it was unloaded to make room.
    pub restore: Restore,
    /// Seconds without a request after which it makes room for a model that shall run although nobody asks for it:
    /// one that had to go for it, above all. So the one that was there before comes back, and what fits beside it
    /// stays. Without, only [`Restore::Always`] takes its place, after [`Policy::restore_after`].
    pub yields_seconds: Option<u64>,
    /// Seconds that it may take to finish what it works on when others need its place; [`Policy::drain`] without.
    /// Who asks for its end, or for the program's, is not kept waiting by it.
    pub drain_seconds: Option<u64>,
}

/// When a model comes back that was unloaded to make room for another one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restore {
    /// As soon as nothing waits for memory; what took its place goes when it has been idle for a while.
    Always,
    /// When there is room for it again without unloading anything.
    #[default]
    WhenIdle,
    /// When it is asked for.
    Never,
}

/// Who goes first of those who wait for one model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// Somebody looks at the screen.
    #[default]
    Interactive,
    /// Nobody waits; goes first only when it has waited for a whole turn.
    Batch,
}

/// What a request asks of its place in the queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wish {
    /// Who goes first.
    pub priority: Priority,
    /// How long it waits at most; [`Policy::wait`] without.
    pub wait: Option<Duration>,
    /// Whether the lease only keeps the model loaded, and takes none of the places of those who work with
    /// it.
    pub keep: bool,
    /// How long the model stays loaded with nothing to do, from this request on and until another one says
    /// otherwise; without, as the latest request that said so, or as [`ModelRules::idle_seconds`].
    pub keep_alive: Option<KeepAlive>,
}

/// How long a model stays loaded with nothing to do. It still makes room for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeepAlive {
    /// For so long after its last request; zero unloads it as soon as that is answered.
    For(Duration),
    /// Until somebody stops it.
    Forever,
}
