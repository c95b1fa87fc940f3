//! What is known, put together from what is heard.

use std::collections::VecDeque;

use loadmaster_orchestrator::{ModelStatus, Status};
use serde_json::{Value, json};

use super::{
    idle::Idle,
    seen::{Download, Job, Memory, Program, download_is_over, job_is_over},
};
use crate::{
    commands::events::words::{Said, said},
    daemon::{Heard, Told},
};

/// How many of the last events are kept.
pub(crate) const EVENTS: usize = 100;

/// Everything that is known of a running Loadmaster.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) program: Program,
    /// As `GET /api/v1/instances` told it.
    status: Value,
    /// The same, read.
    pub(crate) models: Vec<ModelStatus>,
    pub(crate) idle: Idle,
    memory: Option<Value>,
    jobs: Option<Vec<Value>>,
    downloads: Option<Vec<Value>>,
    /// The last events, the oldest first.
    pub(crate) events: VecDeque<Said>,
    /// The number of the last event.
    last: Option<u64>,
    /// Why the connection is lost, while it is.
    pub(crate) lost: Option<String>,
    /// When the latest of all this was heard: milliseconds since 1970.
    pub(crate) now_ms: u64,
}

impl State {
    /// What is known of `program` at first.
    pub(crate) fn of(program: Program, now_ms: u64) -> Self {
        Self { program, now_ms, ..Self::default() }
    }

    /// Another program answers, or the same one was updated.
    pub(crate) fn by(self, program: Program) -> Self {
        Self { program, ..self }
    }

    /// Takes in what is heard at `now_ms`.
    pub(crate) fn take(mut self, heard: Heard, now_ms: u64) -> Self {
        self.now_ms = now_ms;
        match heard {
            Heard::Told(told) => self.told(told),
            Heard::Lost(why) => Self { lost: Some(why), ..self },
            // It may be another one, whose instances have the names of others.
            Heard::Back => Self { lost: None, idle: Idle::default(), ..self },
        }
    }

    fn told(mut self, told: Told) -> Self {
        match told.name.as_str() {
            "snapshot" => {
                self.last = told.id;
                return self.instances(told.data);
            }
            "memory" => self.memory = Some(told.data),
            "jobs" => self.jobs = Some(list(told.data)),
            "job" => replace(self.jobs.get_or_insert_default(), told.data),
            "downloads" => {
                self.downloads = Some(list(told.data.get("downloads").cloned().unwrap_or_default()));
            }
            "download" => replace(self.downloads.get_or_insert_default(), told.data),
            _ => {
                self.last = told.id.or(self.last);
                self.events.push_back(said(&told));
                if self.events.len() > EVENTS {
                    self.events.pop_front();
                }
            }
        }
        self
    }

    /// Takes in what `GET /api/v1/instances` answered, or a snapshot told.
    pub(crate) fn instances(mut self, status: Value) -> Self {
        // What cannot be read is told by another version than this one: what was known stays.
        if let Ok(read) = serde_json::from_value::<Status>(status.clone()) {
            self.idle = self.idle.seen(&read, self.now_ms);
            self.models = read.models;
            self.status = status;
        }
        self
    }

    /// Takes in that it is `now_ms`.
    pub(crate) fn at(self, now_ms: u64) -> Self {
        Self { now_ms, ..self }
    }

    /// Whether all that is told at the beginning was told, up to the event `last`.
    pub(crate) fn is_whole(&self, last: Option<u64>) -> bool {
        self.memory.is_some() && self.jobs.is_some() && self.downloads.is_some() && self.last >= last
    }

    /// The memory now, once it was told.
    pub(crate) fn memory(&self) -> Option<Memory> {
        serde_json::from_value(self.memory.clone()?).ok()
    }

    /// The jobs that wait or run.
    pub(crate) fn jobs(&self) -> Vec<Job> {
        let jobs = self.jobs.iter().flatten().filter(|job| !job_is_over(job));
        jobs.filter_map(|job| serde_json::from_value(job.clone()).ok()).collect()
    }

    /// The downloads that wait, run, rest or have failed.
    pub(crate) fn downloads(&self) -> Vec<Download> {
        let downloads = self.downloads.iter().flatten().filter(|download| !download_is_over(download));
        downloads.filter_map(|download| serde_json::from_value(download.clone()).ok()).collect()
    }

    /// All of it, for programs.
    pub(crate) fn as_json(&self) -> Value {
        let event = |said: &Said| json!({ "at_ms": said.at_ms, "what": said.what, "whom": said.whom, "why": said.why });
        json!({
            "at_ms": self.now_ms,
            "version": self.program.version,
            "started_at_ms": self.program.started_at_ms,
            "os": self.program.os,
            "memory": self.memory,
            "instances": self.status,
            "jobs": self.jobs,
            "downloads": self.downloads,
            "events": self.events.iter().map(event).collect::<Vec<_>>(),
        })
    }
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(all) => all,
        _ => Vec::new(),
    }
}

/// Puts `new` in the place of the one with its id, or behind all.
fn replace(all: &mut Vec<Value>, new: Value) {
    match all.iter_mut().find(|old| old["id"] == new["id"]) {
        Some(old) => *old = new,
        None => all.push(new),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::examples::{NOW_MS, download, job, state, status, told},
        *,
    };

    #[test]
    fn jobs_and_downloads_change_in_their_places_and_leave_when_they_are_over() {
        let known = state();
        assert_eq!((known.jobs().len(), known.downloads().len()), (1, 1), "what is over is not shown");
        let known = known.take(told("job", job("c", "queued")), NOW_MS);
        assert_eq!(known.jobs().len(), 2);
        let known = known.take(told("job", job("a", "completed")), NOW_MS);
        let known = known.take(told("download", download("failed")), NOW_MS);
        assert_eq!(
            (known.jobs()[0].state.as_str(), known.downloads()[0].state.as_str()),
            ("queued", "failed")
        );
        assert!(known.take(told("download", download("done")), NOW_MS).downloads().is_empty());
    }

    #[test]
    fn a_lost_connection_is_told_until_it_is_back() {
        let lost = state().take(Heard::Lost("Loadmaster ended".to_owned()), NOW_MS);
        assert_eq!((lost.lost.as_deref(), lost.models.len()), (Some("Loadmaster ended"), 3));
        assert_eq!(lost.take(Heard::Back, NOW_MS).lost, None);
    }

    #[test]
    fn idle_times_count_from_what_was_seen() {
        let at =
            |state: State, second: u64, leases| state.at(NOW_MS + second * 1000).instances(status(leases));
        let began = at(State::of(Program::default(), NOW_MS), 0, 0);
        assert_eq!(began.idle.of("chat#1", NOW_MS + 5000), Some((5, true)), "it was idle before");
        let busy = at(began, 6, 1);
        assert_eq!(busy.idle.of("chat#1", busy.now_ms), None);
        let idle = at(at(busy, 7, 0), 9, 0);
        assert_eq!(idle.idle.of("chat#1", idle.now_ms), Some((2, false)));
        assert_eq!(idle.idle.of("crasher#1", idle.now_ms), None);
    }

    #[test]
    fn what_cannot_be_read_changes_nothing() {
        let known = state().instances(json!({ "models": 7 })).take(told("memory", json!([])), NOW_MS);
        assert_eq!((known.models.len(), known.memory()), (3, None));
        assert_eq!(known.as_json()["instances"]["models"][0]["id"], "chat");
        assert_eq!(known.as_json()["events"][0]["what"], "refused");
    }
}
