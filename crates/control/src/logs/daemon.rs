//! The latest lines of this program's own log.

use std::{
    collections::VecDeque,
    fmt::{self, Write as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::broadcast;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    layer::Context,
    registry::LookupSpan,
};

use super::{DAEMON, Level, Lines, LogLine};
use crate::state::now_ms;

/// How many lines are kept.
const KEPT: usize = 2000;

/// How many lines a slow listener may fall behind before it misses some.
const BACKLOG: usize = 512;

/// Keeps the latest lines. Clones keep the same ones.
#[derive(Debug, Clone)]
pub struct DaemonLog(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Locked for an instant at a time, never across an await.
    kept: Mutex<Kept>,
    lines: broadcast::Sender<LogLine>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<LogLine>,
    /// The number of the latest line.
    latest: u64,
}

impl Default for DaemonLog {
    fn default() -> Self {
        Self(Arc::new(Shared { kept: Mutex::default(), lines: broadcast::Sender::new(BACKLOG) }))
    }
}

impl DaemonLog {
    /// What writes into it, for a subscriber of `tracing`: what Loadmaster does, and what anybody warns of.
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        let targets =
            Targets::new().with_default(LevelFilter::WARN).with_target("loadmaster", LevelFilter::INFO);
        Writer(self.clone()).with_filter(targets)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, level: Level, line: String) {
        let mut kept = self.kept();
        kept.latest += 1;
        let source = DAEMON.to_owned();
        let line = LogLine { source, model: None, level, at_ms: Some(now_ms()), line, seq: kept.latest };
        if kept.lines.len() == KEPT {
            kept.lines.pop_front();
        }
        kept.lines.push_back(line.clone());
        // Under the lock, so that listeners get lines in their order. Nobody listens when this fails.
        let _ = self.0.lines.send(line);
    }

    /// The latest lines that are at least as bad; those after `after` from the oldest on.
    pub(super) fn lines(&self, level: Level, after: Option<u64>, limit: usize) -> Lines {
        let kept = self.kept();
        let wanted = |line: &&LogLine| line.level <= level && after.is_none_or(|after| line.seq > after);
        let matching: Vec<&LogLine> = kept.lines.iter().filter(wanted).collect();
        let (from, to) = match after {
            Some(_) => (0, matching.len().min(limit)),
            None => (matching.len().saturating_sub(limit), matching.len()),
        };
        let lines: Vec<LogLine> = matching[from..to].iter().copied().cloned().collect();
        let next = if to < matching.len() { lines.last().map_or(0, |line| line.seq) } else { kept.latest };
        Lines { lines, next }
    }

    /// The lines from now on.
    pub(super) fn listen(&self) -> broadcast::Receiver<LogLine> {
        self.0.lines.subscribe()
    }
}

struct Writer(DaemonLog);

impl<S: Subscriber> Layer<S> for Writer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = match *event.metadata().level() {
            tracing::Level::ERROR => Level::Error,
            tracing::Level::WARN => Level::Warn,
            tracing::Level::INFO => Level::Info,
            tracing::Level::DEBUG | tracing::Level::TRACE => Level::Debug,
        };
        let mut text = Text::default();
        event.record(&mut text);
        self.0.add(level, text.message + &text.fields);
    }
}

/// The message, and the fields behind it.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing into a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            // Where a line of the `log` crate comes from.
            name if name.starts_with("log.") => Ok(()),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn texts(lines: &Lines) -> Vec<&str> {
        lines.lines.iter().map(|line| line.line.as_str()).collect()
    }

    #[test]
    fn what_is_logged_is_kept_with_its_fields() {
        let log = DaemonLog::default();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(log.layer()), || {
            tracing::warn!(model = "a", count = 2, "it is {}", "slow");
            tracing::info!(target: "loadmaster_orchestrator", "started");
            tracing::info!(target: "hyper", "nobody cares");
            tracing::debug!(target: "loadmaster_orchestrator", "nor for this");
        });
        let lines = log.lines(Level::Debug, None, 10);
        assert_eq!(texts(&lines), ["it is slow model=\"a\" count=2", "started"]);
        assert_eq!(texts(&log.lines(Level::Warn, None, 10)), ["it is slow model=\"a\" count=2"]);
    }

    #[test]
    fn lines_are_read_on_where_one_stopped() {
        let log = DaemonLog::default();
        for number in 1..=5 {
            log.add(if number == 3 { Level::Error } else { Level::Info }, number.to_string());
        }
        let latest = log.lines(Level::Info, None, 2);
        assert_eq!((texts(&latest), latest.next), (vec!["4", "5"], 5));
        let first = log.lines(Level::Info, Some(0), 2);
        assert_eq!((texts(&first), first.next), (vec!["1", "2"], 2));
        let bad = log.lines(Level::Error, Some(first.next), 2);
        assert_eq!((texts(&bad), bad.next), (vec!["3"], 5));
        assert_eq!(log.lines(Level::Debug, Some(5), 2), Lines { lines: Vec::new(), next: 5 });
    }
}
