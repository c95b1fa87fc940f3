//! Requests that go on to a model's server.

use std::{borrow::Cow, sync::Arc, time::Duration};

use axum::{
    extract::{OriginalUri, Path, State, rejection::BytesRejection},
    http::{HeaderMap, Method, StatusCode, Uri},
    response::Response,
};
use bytes::Bytes;
use loadmaster_orchestrator::Wish;
use serde::Deserialize;

use crate::{
    ApiError, Gateway,
    exchange::{self, Exchange},
    waiting, wish,
};

/// How long a request that streams waits before its answer begins with comments about the queue. Until
/// then, what is refused gets a status of its own.
const SILENCE: Duration = Duration::from_secs(1);

/// All that is read of a body: the rest goes on as it came.
#[derive(Debug, Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    /// Whatever it is: the server is to refuse what it cannot be.
    #[serde(default)]
    stream: serde_json::Value,
}

/// Forwards a request to the model that its body names.
pub(crate) async fn by_model(
    State(gateway): State<Arc<Gateway>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let body = whole(body)?;
    let wish = wish::of(&headers)?;
    let (model, streams) = read(&gateway, &body).await?;
    let exchange = Exchange {
        model,
        wish,
        method: Method::POST,
        path: path_of(&uri).to_owned(),
        headers: if streams { Exchange::alone(Exchange::json()) } else { Exchange::json() },
        body,
    };
    if !streams {
        let lease = gateway.lease(&exchange.model, wish).await?;
        return Ok(exchange::relay(exchange.with(&gateway, lease).await?));
    }
    let mut place = gateway.orchestrator.queue(&exchange.model, wish);
    match tokio::time::timeout(SILENCE, &mut place).await {
        Ok(outcome) => {
            let lease = gateway.journal.counts.answered(outcome)?;
            Ok(exchange::relay(exchange.with(&gateway, lease).await?))
        }
        Err(_) => Ok(waiting::response(gateway, exchange, place)),
    }
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
        wish,
        method,
        path: behind_model(path_of(&uri)).to_owned(),
        // Whether the answer is a stream is not known here.
        headers: if keep { to_server } else { Exchange::alone(to_server) },
        body,
    };
    let lease = gateway.lease(&exchange.model, wish).await?;
    Ok(exchange::relay(exchange.with(&gateway, lease).await?))
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
async fn read(gateway: &Gateway, body: &[u8]) -> Result<(String, bool), ApiError> {
    let bad = |message: String, remedy: String| {
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_body", message, remedy)
    };
    let named: Named<'_> = serde_json::from_slice(body).map_err(|error| {
        bad(format!("The body is not the JSON of a request: {error}"), "Correct the body.".to_owned())
    })?;
    let streams = named.stream == serde_json::Value::Bool(true);
    if let Some(model) = named.model {
        return Ok((model.into_owned(), streams));
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
