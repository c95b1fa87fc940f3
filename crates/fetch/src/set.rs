//! Several downloads together.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
};

use crate::{
    download::{Download, Downloaded, room},
    error::FetchError,
    progress::{Phase, Progress, Speed},
};

/// How often it is told how far they are.
const TICK: Duration = Duration::from_millis(100);

/// Several downloads, of which some run at once. Each has connections of its own, and its own progress.
///
/// Dropping the future of [`Downloads::run`] stops all of them.
#[derive(Debug)]
pub struct Downloads {
    list: Vec<Download>,
    at_once: usize,
    progress: watch::Sender<Progress>,
}

impl Downloads {
    /// These downloads, two at once.
    pub fn new(downloads: Vec<Download>) -> Self {
        Self { list: downloads, at_once: 2, progress: watch::Sender::default() }
    }

    /// How many run at once.
    #[must_use]
    pub fn at_once(mut self, count: usize) -> Self {
        self.at_once = count.max(1);
        self
    }

    /// How far they are together. Its total is known once each file's length is, from
    /// [`Download::expect_size`] or from its server.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Downloads them, in their order, after looking whether all whose sizes are expected have room together:
    /// those on a disk that is too small are refused. What became of each; one that fails does not stop the others.
    pub async fn run(self) -> Vec<Result<Downloaded, FetchError>> {
        let Self { list: downloads, at_once, progress } = self;
        let sizes: Vec<_> = downloads.iter().map(Download::expected_size).collect();
        let parts: Vec<_> = downloads.iter().map(Download::progress).collect();
        let turns = Arc::new(Semaphore::new(at_once));
        let mut running = JoinSet::new();
        let mut outcomes: Vec<_> = downloads.iter().map(|_| None).collect();
        let refusals = room::refusals(&downloads);
        for (index, (download, refusal)) in downloads.into_iter().zip(refusals).enumerate() {
            if let Some(refusal) = refusal {
                outcomes[index] = Some(Err(refusal));
                continue;
            }
            let turns = turns.clone();
            running.spawn(async move {
                // It is never closed, so there is a turn.
                let _turn = turns.acquire_owned().await;
                (index, download.run().await)
            });
        }
        let mut speed = Speed::new(Instant::now(), 0);
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                ended = running.join_next() => {
                    let Some(ended) = ended else { break };
                    let (index, outcome) =
                        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
                    outcomes[index] = Some(outcome);
                }
                _ = tick.tick() => {}
            }
            let parts: Vec<_> = parts.iter().map(|part| part.borrow().clone()).collect();
            progress.send_replace(together(&parts, &sizes, &mut speed, Instant::now()));
        }
        progress.send_modify(|progress| progress.phase = Phase::Done);
        outcomes.into_iter().flatten().collect()
    }
}

/// The progress of all. `sizes` are the lengths that are expected.
fn together(parts: &[Progress], sizes: &[Option<u64>], speed: &mut Speed, now: Instant) -> Progress {
    let sum = |count: fn(&Progress) -> u64| parts.iter().map(count).sum::<u64>();
    let received = sum(|part| part.received);
    let resumed = sum(|part| part.resumed);
    speed.watch(now, received.saturating_sub(resumed));
    let total: Option<u64> = parts.iter().zip(sizes).map(|(part, size)| part.total.or(*size)).sum();
    Progress {
        phase: phase(parts),
        received,
        hashed: sum(|part| part.hashed),
        total,
        resumed,
        started_over: parts.iter().find_map(|part| part.started_over),
        speed: speed.now(),
        remaining: total.and_then(|total| speed.time_for(total.saturating_sub(received))),
        connections: parts.iter().map(|part| part.connections).sum(),
    }
}

/// What they do: if any of them downloads, that; else what the first of those does that are at work.
fn phase(parts: &[Progress]) -> Phase {
    let at_work = || parts.iter().map(|part| &part.phase).filter(|phase| !matches!(phase, Phase::Done));
    let downloads = at_work().find(|phase| **phase == Phase::Downloading);
    let busy = at_work().find(|phase| **phase != Phase::Idle);
    downloads.or(busy).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(phase: Phase, received: u64, total: Option<u64>) -> Progress {
        Progress { phase, received, total, ..Progress::default() }
    }

    #[test]
    fn parts_add_up() {
        let start = Instant::now();
        let mut speed = Speed::new(start, 0);
        let parts = [
            part(Phase::Done, 100, Some(100)),
            part(Phase::Verifying, 50, Some(50)),
            part(Phase::Downloading, 50, Some(150)),
            part(Phase::Idle, 0, None),
        ];
        let now = start + Duration::from_secs(1);
        let all = together(&parts, &[None, None, None, Some(100)], &mut speed, now);
        assert_eq!((all.phase, all.received, all.total), (Phase::Downloading, 200, Some(400)));
        assert_eq!((all.speed, all.remaining), (200, Some(Duration::from_secs(1))));
        assert_eq!(together(&parts, &[None; 4], &mut speed, now).total, None);
        assert_eq!(phase(&parts[..2]), Phase::Verifying);
        assert_eq!(phase(&parts[3..]), Phase::Idle);
    }
}
