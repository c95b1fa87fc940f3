//! Settings that a request brings for a model: laid over those that it has.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::extract::rejection::BytesRejection;
use bytes::Bytes;
use loadmaster_core::{LaunchPlan, LoadRequest, Settings};
use loadmaster_orchestrator::OrchestratorError;
use serde::{Deserialize, Serialize};

use crate::{ApiError, Gateway, json_body};

/// How often it is looked whether a running model has been compared with what it should be.
const GLANCE: Duration = Duration::from_millis(10);

/// For how long: plans take milliseconds, drivers may take some seconds.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a body looks like.
const SHAPE: &str = r#"{"settings": {"context_length": 8192}}"#;

/// A body with settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    #[serde(default)]
    settings: Settings,
}

/// The settings in a body; `None` where there is no body.
pub(crate) fn asked(body: Result<Bytes, BytesRejection>) -> Result<Option<Settings>, ApiError> {
    if matches!(&body, Ok(body) if body.is_empty()) {
        return Ok(None);
    }
    let body: Body = json_body::read(body, SHAPE)?;
    Ok(Some(body.settings))
}

/// `request` with other settings; null takes one away, and what is automatic holds again.
pub fn laid_over(mut request: LoadRequest, settings: Settings) -> LoadRequest {
    for (name, value) in settings {
        if value.is_null() {
            request.settings.remove(&name);
        } else {
            request.settings.insert(name, value);
        }
    }
    request
}

/// What came of settings that a start brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Change {
    /// It was to be loaded in this way before.
    None,
    /// It does not run, and is loaded in this way from now on.
    Taken,
    /// It runs by the same plan as before: nothing had to end for that.
    Kept,
    /// It runs by another plan: it finishes what it answers, and is loaded anew.
    Reloads,
}

/// The models that were given settings by a start: as they were before, and as they were given.
#[derive(Debug, Default)]
pub(crate) struct Given(Mutex<HashMap<String, (LoadRequest, LoadRequest)>>);

impl Given {
    fn of<T>(&self, ask: impl FnOnce(&mut HashMap<String, (LoadRequest, LoadRequest)>) -> T) -> T {
        ask(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A model that was to be loaded by `before` was given other settings.
    fn note(&self, before: LoadRequest, given: LoadRequest) {
        self.of(|models| {
            let first = match models.remove(&before.model.id) {
                Some((first, earlier)) if earlier == before => first,
                // It is new, or somebody else has changed it since.
                _ => before,
            };
            if first != given {
                models.insert(first.model.id.clone(), (first, given));
            }
        });
    }

    /// What the model was to be loaded by before it was given the settings of `now`, which are forgotten.
    fn forget(&self, now: &LoadRequest) -> Option<LoadRequest> {
        let (first, given) = self.of(|models| models.remove(&now.model.id))?;
        (given == *now).then_some(first)
    }
}

/// Loads `model` with these settings from now on, until it is stopped or its configuration changes. It is planned and
/// weighed first: what cannot be is refused before anything is stopped. Returns when whoever asks for the model gets
/// one with these settings.
pub(crate) async fn change(gateway: &Gateway, model: &str, settings: Settings) -> Result<Change, ApiError> {
    let _alone = gateway.changes.lock().await;
    let now = gateway.orchestrator.configured(model).await?;
    let request = laid_over(now.request.clone(), settings);
    if request == now.request {
        return Ok(Change::None);
    }
    let preview = gateway.orchestrator.preview_of(request.clone()).await.map_err(ApiError::of_settings)?;
    // One that is pinned seems to stand in its own way.
    if !preview.lacking.is_empty() && !now.rules.pinned {
        let (model, shortages) = (model.to_owned(), preview.lacking);
        return Err(OrchestratorError::DoesNotFit { model, shortages, pinned: Vec::new() }.into());
    }
    gateway.orchestrator.update(request.clone(), now.rules).await?;
    gateway.given.note(gateway.reaches.unraised(&now.request), request);
    let settled = async {
        loop {
            let after = gateway.orchestrator.configured(model).await?;
            if !after.comparing {
                return Ok(after.plan);
            }
            tokio::time::sleep(GLANCE).await;
        }
    };
    // A machine that is so slow to tell its memory has told that in its log.
    let runs: Result<Option<Arc<LaunchPlan>>, ApiError> =
        tokio::time::timeout(PATIENCE, settled).await.unwrap_or(Ok(None));
    // It may be loaded anew already.
    Ok(match (now.plan, runs?) {
        (None, _) => Change::Taken,
        (before, after) if before == after => Change::Kept,
        _ => Change::Reloads,
    })
}

/// Takes the settings away that starts gave to `model`: what its configuration says holds again.
pub(crate) async fn forget(gateway: &Gateway, model: &str) -> Result<(), ApiError> {
    let _alone = gateway.changes.lock().await;
    let now = gateway.orchestrator.configured(model).await?;
    if let Some(before) = gateway.given.forget(&gateway.reaches.unraised(&now.request)) {
        gateway.orchestrator.update(before, now.rules).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use loadmaster_core::{Model, ModelKind};
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_laid_over_and_taken_away() {
        let request = LoadRequest::new(Model::from_file(ModelKind::Text, "a.gguf"))
            .with("context_length", 512)
            .with("slots", 2);
        let body = br#"{"settings": {"context_length": null, "slots": 3, "threads": 4}}"#;
        let asked = asked(Ok(Bytes::from_static(body))).unwrap().unwrap();
        let settings = laid_over(request, asked).settings;
        assert_eq!(serde_json::to_value(settings).unwrap(), json!({ "slots": 3, "threads": 4 }));
    }

    #[test]
    fn what_it_was_before_all_that_was_given_is_remembered() {
        let with = |context: u64| {
            LoadRequest::new(Model::from_file(ModelKind::Text, "a.gguf")).with("context_length", context)
        };
        let given = Given::default();
        given.note(with(1), with(2));
        given.note(with(2), with(3));
        assert_eq!(given.forget(&with(3)), Some(with(1)));
        assert_eq!(given.forget(&with(3)), None);
        // The configuration changed meanwhile.
        given.note(with(1), with(2));
        assert_eq!(given.forget(&with(4)), None);
        given.note(with(1), with(2));
        given.note(with(4), with(5));
        assert_eq!(given.forget(&with(5)), Some(with(4)));
    }

    #[test]
    fn no_body_changes_nothing_and_a_wrong_one_is_refused() {
        assert!(asked(Ok(Bytes::new())).unwrap().is_none());
        for body in ["{", "1", r#"{"setings": {}}"#, r#"{"settings": 1}"#] {
            assert_eq!(asked(Ok(Bytes::from(body))).unwrap_err().code(), "invalid_body", "{body}");
        }
    }
}
