//! What is remembered of models between two looks at them: headers and forecasts, for as long as their files stay.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use loadmaster_core::LoadRequest;
use loadmaster_models::inspect;
use loadmaster_orchestrator::{Orchestrator, Status};
use serde_json::{Value, json};

use super::shown::Inspection;
use crate::{failed, fit::Fit};

/// How long a forecast holds while nothing of ours changes: other programs take memory and give it back.
const FRESH: Duration = Duration::from_secs(10);

/// After all models were weighed, so many times as long as that took nobody is weighed again only because others came or
/// went: that is what a busy machine has other work for.
const RESTS: u32 = 9;

/// The length of a file in bytes, and when it was last written to; `None` of a file that is not there.
type Stamp = Option<(u64, Option<SystemTime>)>;

/// What was read of a file of that stamp.
type Read = (Stamp, Result<Inspection, Value>);

/// Which forecast it is: of what, and beside whom.
#[derive(Debug, Clone, PartialEq)]
struct Question {
    request: LoadRequest,
    stamp: Stamp,
    /// What of the orchestrator's state decides about fits.
    world: Value,
}

#[derive(Debug)]
struct Forecast {
    question: Question,
    at: Instant,
    fit: Fit,
}

/// What is remembered.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    forecasts: Mutex<HashMap<String, Forecast>>,
    headers: Mutex<HashMap<PathBuf, Read>>,
    /// Who has it weighs.
    turn: tokio::sync::Mutex<()>,
    rests_until: Mutex<Option<Instant>>,
    /// Whether somebody looks again when the rest is over.
    looks: AtomicBool,
}

impl Shelf {
    /// Whether loading `request` would fit now.
    pub(super) async fn fit(
        &self,
        request: LoadRequest,
        orchestrator: &Orchestrator,
        status: &Status,
    ) -> Fit {
        let name = request.model.id.clone();
        let question = Question { stamp: stamp(&request.model.path), world: world(status), request };
        let known = |known: &&Forecast| known.question == question && known.at.elapsed() < FRESH;
        if let Some(known) = lock(&self.forecasts).get(&name).filter(known) {
            return known.fit.clone();
        }
        let fit = match orchestrator.preview_of(question.request.clone()).await {
            Ok(preview) => Fit::of(&preview, status),
            Err(error) => Fit::failed(&error),
        };
        let forecast = Forecast { question, at: Instant::now(), fit: fit.clone() };
        lock(&self.forecasts).insert(name, forecast);
        fit
    }

    /// The latest forecast for `request`, and whether it was made beside those who are loaded now.
    pub(super) fn latest(&self, request: &LoadRequest, status: &Status) -> Option<(Fit, bool)> {
        let forecasts = lock(&self.forecasts);
        let Forecast { question, fit, .. } = forecasts.get(&request.model.id)?;
        let same = question.request == *request && question.stamp == stamp(&request.model.path);
        same.then(|| (fit.clone(), question.world == world(status)))
    }

    /// Makes a forecast for each of `requests`, one after the other. How long it is to wait before it does so again for
    /// those that it left as they were.
    pub(super) async fn weigh(
        &self,
        requests: Vec<LoadRequest>,
        orchestrator: &Orchestrator,
        status: &Status,
    ) -> Option<Duration> {
        let _turn = self.turn.lock().await;
        let begun = Instant::now();
        let rest = lock(&self.rests_until).and_then(|until| until.checked_duration_since(begun));
        let mut left = None;
        for request in requests {
            if let (Some(rest), Some((_, is_now))) = (rest, self.latest(&request, status)) {
                left = left.or((!is_now).then_some(rest));
                continue;
            }
            self.fit(request, orchestrator, status).await;
        }
        if rest.is_none() {
            *lock(&self.rests_until) = Some(Instant::now() + begun.elapsed() * RESTS);
        }
        left
    }

    /// Whether nobody else has promised it.
    pub(super) fn is_first_to_look_again(&self) -> bool {
        !self.looks.swap(true, Ordering::Relaxed)
    }

    /// Keeps the promise.
    pub(super) fn looks_again(&self) {
        self.looks.store(false, Ordering::Relaxed);
    }

    /// What the file at `path` says of itself. Reads files: for a thread that may block.
    pub(super) fn header(&self, path: &Path) -> Result<Inspection, Value> {
        let now = stamp(path);
        if let Some((_, read)) = lock(&self.headers).get(path).filter(|(stamp, _)| *stamp == now) {
            return read.clone();
        }
        let read =
            inspect(path).map_err(|error| failed::models(&error).body()["error"].take()).map(|found| {
                let length = |path: PathBuf| {
                    let bytes = std::fs::metadata(&path).map_or(0, |is| is.len());
                    (path, bytes)
                };
                let files = found.files.into_iter().map(length).collect();
                Inspection { kind: Some(found.kind), facts: found.facts, files }
            });
        lock(&self.headers).insert(path.to_owned(), (now, read.clone()));
        read
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stamp(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()))
}

fn world(status: &Status) -> Value {
    let instances = status.models.iter().filter_map(|model| model.instance.as_ref());
    let living: Vec<_> = instances.map(|instance| json!([instance.id, instance.state.name()])).collect();
    json!([living, status.budgets, status.holds])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_again_when_its_file_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let (path, shelf) = (folder.path().join("a.gguf"), Shelf::default());
        std::fs::write(&path, "no model").unwrap();
        assert_eq!(shelf.header(&path).unwrap_err()["code"], "not_a_model");
        std::fs::write(&path, "GGUF, and no more").unwrap();
        let again = shelf.header(&path).unwrap_err();
        assert_ne!(again["message"], Value::Null);
        assert_eq!(shelf.header(&path).unwrap_err(), again);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(shelf.header(&path).unwrap_err()["code"], "file_not_found");
    }
}
