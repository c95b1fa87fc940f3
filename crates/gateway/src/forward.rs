//! Requests that go on to a model's server.

use std::{borrow::Cow, sync::Arc};

use axum::{
    extract::{OriginalUri, Path, State, rejection::BytesRejection},
    http::{HeaderMap, Method, StatusCode, Uri},
    response::Response,
};
use bytes::Bytes;
use loadmaster_core::ModelKind;
use loadmaster_orchestrator::Wish;
use serde::Deserialize;

use crate::{
    ApiError, Gateway,
    attempts::Attempts,
    exchange::{self, Exchange},
    waiting, wish,
};

/// All that is read of a body: the rest goes on as it came.
#[derive(Debug, Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    /// Whatever it is: the server is to refuse what it cannot be.
    #[serde(default)]
    stream: serde_json::Value,
}

/// A body of more bytes is read on a thread of its own: others would wait for it.
const LONG: usize = 1 << 20;

/// Forwards a request to the model that its body names.
pub(crate) async fn by_model(
    State(gateway): State<Arc<Gateway>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let body = whole(body)?;
    // These are requests for text and vectors: a model of images is not loaded for them.
    let wish = Wish { not_for: Some(ModelKind::Image), ..wish::of(&headers)? };
    let (model, streams) = read(&gateway, &body).await?;
    let exchange = Exchange {
        model,
        method: Method::POST,
        path: path_of(&uri).to_owned(),
        headers: if streams { Exchange::alone(Exchange::json()) } else { Exchange::json() },
        body,
    };
    let attempts = Attempts::begin(gateway, exchange, wish);
    waiting::answered(attempts, streams).await
}

/// Forwards any request to the model that the path names, with what the path has after it.
pub(crate) async fn upstream(
    State(gateway): State<Arc<Gateway>>,
    Path(names): Path<Vec<(String, String)>>,
    OriginalUri(uri): OriginalUri,
    method: Method,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let body = whole(body)?;
    let model = names.into_iter().find_map(|(name, model)| (name == "model").then_some(model));
    // Who only looks takes no place of those who let the model work, and is not kept waiting by them.
    let keep = matches!(method, Method::GET | Method::HEAD | Method::OPTIONS);
    let wish = Wish { keep, ..wish::of(&headers)? };
    let to_server = exchange::to_server(&headers);
    let exchange = Exchange {
        model: model.unwrap_or_default(),
        method,
        path: behind_model(path_of(&uri)).to_owned(),
        // Whether the answer is a stream is not known here.
        headers: if keep { to_server } else { Exchange::alone(to_server) },
        body,
    };
    waiting::answered(Attempts::begin(gateway, exchange, wish), false).await
}

fn whole(body: Result<Bytes, BytesRejection>) -> Result<Bytes, ApiError> {
    body.map_err(|rejection| {
        let remedy = "Send a smaller request, or check the connection.";
        ApiError::new(rejection.status(), "unreadable_body", rejection.body_text(), remedy)
    })
}

/// The path with its query, as it came.
fn path_of(uri: &Uri) -> &str {
    uri.path_and_query().map_or(uri.path(), |path| path.as_str())
}

/// What follows `/upstream/MODEL`: `/tokenize?a=b`.
fn behind_model(path: &str) -> &str {
    let model_on = path.trim_start_matches('/').split_once('/').map_or("", |(_, rest)| rest);
    model_on.find('/').map_or("/", |slash| &model_on[slash..])
}

/// The model that the body names (the only one there is, if it names none), and whether it asks for a stream.
async fn read(gateway: &Gateway, body: &Bytes) -> Result<(String, bool), ApiError> {
    let bad = |message: String, remedy: String| {
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_body", message, remedy)
    };
    let named = if body.len() < LONG { named(body) } else { named_aside(body.clone()).await };
    let (model, streams) = named.map_err(|error| {
        bad(format!("The body is not the JSON of a request: {error}"), "Correct the body.".to_owned())
    })?;
    if let Some(model) = model {
        return Ok((model, streams));
    }
    let models = gateway.orchestrator.status().await?.models;
    match models.as_slice() {
        [only] => Ok((only.id.clone(), streams)),
        models => {
            let known: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
            Err(bad("The request names no model".to_owned(), format!("Name one of: {}.", known.join(", "))))
        }
    }
}

/// The model that a body names, and whether it asks for a stream.
fn named(body: &[u8]) -> Result<(Option<String>, bool), serde_json::Error> {
    let Named { model, stream } = serde_json::from_slice(body)?;
    Ok((model.map(Cow::into_owned), stream == serde_json::Value::Bool(true)))
}

async fn named_aside(body: Bytes) -> Result<(Option<String>, bool), serde_json::Error> {
    let read = tokio::task::spawn_blocking(move || named(&body)).await;
    read.unwrap_or_else(|stopped| Err(serde_json::Error::io(stopped.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_behind_the_model_is_kept_as_it_came() {
        for (path, behind) in [
            ("/upstream/a/tokenize", "/tokenize"),
            ("/upstream/a%20b%2Fc/slots/0?action=save&x=%2F", "/slots/0?action=save&x=%2F"),
            ("/upstream/a/", "/"),
            ("/upstream/a//b", "//b"),
        ] {
            assert_eq!(behind_model(path), behind, "{path}");
        }
    }
}
