//! Settings that a request brings for a model: laid over those that it has.

use std::time::Duration;

use axum::extract::rejection::BytesRejection;
use bytes::Bytes;
use loadmaster_core::{LoadRequest, Settings};
use loadmaster_orchestrator::OrchestratorError;
use serde::Deserialize;

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
pub(crate) fn laid_over(mut request: LoadRequest, settings: Settings) -> LoadRequest {
    for (name, value) in settings {
        if value.is_null() {
            request.settings.remove(&name);
        } else {
            request.settings.insert(name, value);
        }
    }
    request
}

/// Loads `model` with these settings from now on, until the configuration is read again. It is planned and weighed
/// first: what cannot be is refused before anything is stopped. Returns when whoever asks for the model gets one with
/// these settings.
pub(crate) async fn change(gateway: &Gateway, model: &str, settings: Settings) -> Result<(), ApiError> {
    let _alone = gateway.changes.lock().await;
    let now = gateway.orchestrator.configured(model).await?;
    let request = laid_over(now.request.clone(), settings);
    if request == now.request {
        return Ok(());
    }
    let preview = gateway.orchestrator.preview_of(request.clone()).await?;
    // One that is pinned seems to stand in its own way.
    if !preview.lacking.is_empty() && !now.rules.pinned {
        let (model, shortages) = (model.to_owned(), preview.lacking);
        return Err(OrchestratorError::DoesNotFit { model, shortages, pinned: Vec::new() }.into());
    }
    gateway.orchestrator.update(request, now.rules).await?;
    let settled = async {
        while gateway.orchestrator.configured(model).await?.comparing {
            tokio::time::sleep(GLANCE).await;
        }
        Ok(())
    };
    // A machine that is so slow to tell its memory has told that in its log.
    tokio::time::timeout(PATIENCE, settled).await.unwrap_or(Ok(()))
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
    fn no_body_changes_nothing_and_a_wrong_one_is_refused() {
        assert!(asked(Ok(Bytes::new())).unwrap().is_none());
        for body in ["{", "1", r#"{"setings": {}}"#, r#"{"settings": 1}"#] {
            assert_eq!(asked(Ok(Bytes::from(body))).unwrap_err().code(), "invalid_body", "{body}");
        }
    }
}
