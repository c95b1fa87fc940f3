//! The latest events, for those who listen now and for those who come back.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use loadmaster_orchestrator::{Notice, Orchestrator};
use tokio::sync::{broadcast::error::RecvError, watch};

use crate::counts::Counts;

/// How many events are kept for listeners that are slow or come back: some minutes of a busy daemon.
const KEPT: usize = 1024;

/// The latest events, in order and without a gap.
#[derive(Debug)]
pub(crate) struct Journal {
    /// Locked for an instant at a time, never across an await.
    kept: Mutex<VecDeque<Arc<Notice>>>,
    /// The number of the latest.
    latest: watch::Sender<u64>,
    pub(crate) counts: Counts,
}

impl Journal {
    /// Writes down what `orchestrator` tells from now on, until nobody holds it any more.
    pub(crate) fn of(orchestrator: &Orchestrator) -> Arc<Self> {
        let journal = Arc::new(Self {
            kept: Mutex::default(),
            latest: watch::Sender::default(),
            counts: Counts::default(),
        });
        let (writer, mut events) = (Arc::clone(&journal), orchestrator.events());
        tokio::spawn(async move {
            loop {
                match events.recv().await {
                    Ok(notice) => writer.add(notice),
                    // What follows would not join on to what is kept.
                    Err(RecvError::Lagged(_)) => writer.kept().clear(),
                    Err(RecvError::Closed) => return,
                }
            }
        });
        journal
    }

    fn add(&self, notice: Notice) {
        self.counts.happened(&notice.event);
        let latest = notice.id;
        let mut kept = self.kept();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(Arc::new(notice));
        drop(kept);
        self.latest.send_replace(latest);
    }

    /// What happened after the event `last`; `None` when not all of that is kept any more.
    pub(crate) fn after(&self, last: u64) -> Option<Vec<Arc<Notice>>> {
        let kept = self.kept();
        match kept.front() {
            Some(first) => (first.id <= last.saturating_add(1))
                .then(|| kept.iter().filter(|notice| notice.id > last).cloned().collect()),
            None => (*self.latest.borrow() <= last).then(Vec::new),
        }
    }

    /// Tells when there is something new.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<Notice>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use loadmaster_core::Event;

    use super::*;

    fn journal(ids: std::ops::RangeInclusive<u64>) -> Journal {
        let journal =
            Journal { kept: Mutex::default(), latest: watch::Sender::default(), counts: Counts::default() };
        for id in ids {
            let event = Event::Refused { model: "a".to_owned(), cause: "b".to_owned() };
            journal.add(Notice { id, at_ms: 0, event });
        }
        journal
    }

    fn after(journal: &Journal, last: u64) -> Option<Vec<u64>> {
        Some(journal.after(last)?.iter().map(|notice| notice.id).collect())
    }

    #[test]
    fn what_is_kept_is_told_and_what_is_not_is_missed() {
        let kept = u64::try_from(KEPT).unwrap();
        let journal = journal(1..=kept + 9);
        assert_eq!(after(&journal, kept + 7), Some(vec![kept + 8, kept + 9]));
        assert_eq!(after(&journal, kept + 9), Some(vec![]));
        assert_eq!(after(&journal, 9).map(|ids| ids.len()), Some(KEPT));
        assert_eq!(after(&journal, 8), None);
        // The status may know of events that are still on their way here.
        assert_eq!(after(&journal, kept + 20), Some(vec![]));
    }

    #[test]
    fn a_gap_is_told() {
        let journal = journal(1..=9);
        journal.kept().clear();
        assert_eq!(after(&journal, 8), None);
        assert_eq!(after(&journal, 9), Some(vec![]));
        journal.add(Notice {
            id: 12,
            at_ms: 0,
            event: Event::Refused { model: "a".into(), cause: "b".into() },
        });
        assert_eq!(after(&journal, 9), None);
        assert_eq!(after(&journal, 11), Some(vec![12]));
    }
}
