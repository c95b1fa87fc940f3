//! The topic `jobs`: all of them, again when one comes or is forgotten, and each change of one.

use std::sync::{Arc, Weak};

use futures_util::{
    StreamExt,
    stream::{self, BoxStream, SelectAll},
};
use serde_json::Value;
use tokio::sync::watch;

use super::{Job, Jobs};
use crate::{News, Topic};

/// All jobs, and what becomes of them.
#[derive(Debug)]
pub(crate) struct JobsTopic(Weak<Jobs>);

impl JobsTopic {
    pub(crate) fn new(jobs: &Arc<Jobs>) -> Self {
        Self(Arc::downgrade(jobs))
    }
}

impl Topic for JobsTopic {
    fn listen(&self) -> BoxStream<'static, News> {
        let Some(jobs) = self.0.upgrade() else { return stream::empty().boxed() };
        let mut listed = jobs.listed();
        // The whole is told first.
        listed.mark_changed();
        let listener = Listener { jobs: Arc::downgrade(&jobs), listed, live: SelectAll::new() };
        stream::unfold(listener, |mut listener| async move {
            let news = listener.next().await?;
            Some((news, listener))
        })
        .boxed()
    }
}

struct Listener {
    jobs: Weak<Jobs>,
    /// Changes when one comes or is forgotten.
    listed: watch::Receiver<()>,
    /// The changes of those that wait or run.
    live: SelectAll<BoxStream<'static, Value>>,
}

impl Listener {
    async fn next(&mut self) -> Option<News> {
        tokio::select! {
            biased;
            listed = self.listed.changed() => listed.ok()?,
            Some(job) = self.live.next(), if !self.live.is_empty() => return Some(News::new("job", job)),
        }
        let all = self.jobs.upgrade()?.all();
        self.live = all.iter().filter(|job| !job.has_ended()).map(changes).collect();
        let all = all.iter().map(|job| job.record().shown()).collect();
        Some(News::new("jobs", all))
    }
}

/// Each change of a job from now on; the last is its end.
fn changes(job: &Arc<Job>) -> BoxStream<'static, Value> {
    stream::unfold((job.changes(), false), |(mut changes, over)| async move {
        if over {
            return None;
        }
        changes.changed().await.ok()?;
        let record = changes.borrow_and_update().clone();
        Some((record.shown(), (changes, record.state.has_ended())))
    })
    .boxed()
}
