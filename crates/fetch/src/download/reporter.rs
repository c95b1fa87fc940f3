//! Tells those who watch a download how far it is.

use std::time::Instant;

use tokio::sync::watch;

use super::{board::Board, journal::Journal};
use crate::{
    error::FetchError,
    progress::{Phase, Progress, Speed, StartedOver},
};

/// The one who tells.
#[derive(Debug)]
pub(crate) struct Reporter {
    progress: watch::Sender<Progress>,
    speed: Option<Speed>,
}

impl Reporter {
    pub(crate) fn new(progress: watch::Sender<Progress>) -> Self {
        Self { progress, speed: None }
    }

    pub(crate) fn phase(&self, phase: Phase) {
        self.progress.send_modify(|progress| progress.phase = phase);
    }

    /// Something broke, and is tried again after `pause`.
    pub(crate) fn retrying(&self, pause: std::time::Duration, cause: FetchError) {
        self.phase(Phase::Retrying { pause, cause });
    }

    pub(crate) fn started_over(&self, why: StartedOver) {
        self.progress.send_modify(|progress| {
            progress.started_over = Some(why);
            (progress.received, progress.hashed, progress.resumed) = (0, 0, 0);
        });
    }

    /// Bytes begin to come, behind `resumed` that are there.
    pub(crate) fn begins(&mut self, total: Option<u64>, resumed: u64) {
        self.speed = Some(Speed::new(Instant::now(), resumed));
        self.progress.send_modify(|progress| {
            progress.phase = Phase::Downloading;
            (progress.total, progress.received, progress.resumed) = (total, resumed, resumed);
        });
    }

    pub(crate) fn has_resumed(&self) -> bool {
        self.progress.borrow().resumed > 0
    }

    /// Tells what is on the board.
    pub(crate) fn look(&mut self, board: &Board, connections: usize, phase: Phase) {
        let (received, hashed) = board.counts();
        self.advance(received, hashed, connections, phase);
    }

    /// Tells what the journal of another download says.
    pub(crate) fn another(&mut self, journal: &Journal) {
        let received = journal.done.count();
        self.speed.get_or_insert_with(|| Speed::new(Instant::now(), received));
        self.progress.send_modify(|progress| progress.total = Some(journal.length));
        self.advance(received, 0, 0, Phase::WaitingForOther);
    }

    fn advance(&mut self, received: u64, hashed: u64, connections: usize, phase: Phase) {
        if let Some(speed) = &mut self.speed {
            speed.watch(Instant::now(), received);
        }
        let speed = self.speed.as_ref();
        self.progress.send_modify(|progress| {
            (progress.received, progress.hashed, progress.connections) = (received, hashed, connections);
            progress.phase = phase;
            progress.speed = speed.map_or(0, Speed::now);
            let rest = progress.total.map(|total| total.saturating_sub(received));
            progress.remaining = rest.and_then(|rest| speed?.time_for(rest));
        });
    }

    /// How many bytes from the start are hashed, of a file that is there.
    pub(crate) fn hashed(&self, hashed: u64, total: u64) {
        self.progress.send_modify(|progress| {
            (progress.received, progress.hashed, progress.total) = (total, hashed, Some(total));
            progress.phase = Phase::Verifying;
        });
    }
}
