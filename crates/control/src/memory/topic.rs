//! The topic `memory`: once a second, while somebody listens.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt, stream, stream::BoxStream};
use loadmaster_gateway::{News, Topic};
use serde_json::Value;
use tokio::sync::watch;

use super::Meter;

/// How often it is read.
const EVERY: Duration = Duration::from_secs(1);

/// Memory now, and again each second.
#[derive(Debug)]
pub(crate) struct MemoryTopic {
    meter: Arc<Meter>,
    /// The latest reading, and whether somebody reads on. Changed and asked under the lock, so that whoever begins to
    /// listen either finds a reader or becomes one.
    reads: Arc<Mutex<bool>>,
    latest: watch::Sender<Value>,
}

impl MemoryTopic {
    pub(crate) fn new(meter: Arc<Meter>) -> Self {
        Self { meter, reads: Arc::default(), latest: watch::Sender::default() }
    }

    /// Reads on until nobody listens, or the orchestrator has ended.
    async fn read_on(meter: Arc<Meter>, reads: Arc<Mutex<bool>>, latest: watch::Sender<Value>) {
        let mut ticks = tokio::time::interval(EVERY);
        // A machine that is slow to tell is not asked twice in a row.
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = meter.read().await;
            let mut reads = reads.lock().unwrap_or_else(PoisonError::into_inner);
            if latest.receiver_count() == 0 {
                *reads = false;
                return;
            }
            if let Ok(now) = now {
                latest.send_replace(serde_json::to_value(&*now).unwrap_or_default());
            }
        }
    }
}

impl Topic for MemoryTopic {
    fn listen(&self) -> BoxStream<'static, News> {
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        let mut readings = self.latest.subscribe();
        if std::mem::replace(&mut *reads, true) {
            // What was read within the last second is the whole.
            readings.mark_changed();
        } else {
            let (meter, reads, latest) = (&self.meter, &self.reads, &self.latest);
            tokio::spawn(Self::read_on(Arc::clone(meter), Arc::clone(reads), latest.clone()));
        }
        stream::unfold(readings, |mut readings| async move {
            loop {
                readings.changed().await.ok()?;
                let reading = readings.borrow_and_update().clone();
                if !reading.is_null() {
                    return Some((News::new("memory", reading), readings));
                }
            }
        })
        .boxed()
    }
}
