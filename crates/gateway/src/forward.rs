//! From a request to the model's server and back.

use std::{borrow::Cow, sync::Arc};

use axum::{
    body::Body,
    extract::{OriginalUri, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use loadmaster_orchestrator::Lease;
use loadmaster_upstream::{RequestError, Response as Answer, Upstream};
use serde::Deserialize;

use crate::{ApiError, Gateway, stream};

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
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let body = body.map_err(|rejection| {
        let remedy = "Send a smaller request, or check the connection.";
        ApiError::new(rejection.status(), "unreadable_body", rejection.body_text(), remedy)
    })?;
    let (model, streams) = read(&gateway, &body).await?;
    let path = uri.path_and_query().map_or(uri.path(), |path| path.as_str());
    let mut lease = gateway.orchestrator.lease(&model).await?;
    let mut sent = send(&gateway.upstreams.of(lease.instance())?, path, body.clone(), streams).await;
    if sent.as_ref().is_err_and(RequestError::is_connect) && stream::death(&lease).await.is_some() {
        // It was dead before it could hear us, and nobody had noticed yet: the next one is asked, once.
        lease = gateway.orchestrator.lease(&model).await?;
        sent = send(&gateway.upstreams.of(lease.instance())?, path, body, streams).await;
    }
    match sent {
        Ok(answer) => Ok(relay(answer, lease)),
        Err(error) => Err(stream::broken(&lease, &error).await),
    }
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

/// Sends the body through, and waits for the head of the server's answer.
///
/// llama-server closes a connection behind a stream, although it says that it keeps it: the next request could
/// be sent into it in the moment in which it closes, and be lost. It is therefore used for the stream alone.
async fn send(upstream: &Upstream, path: &str, body: Bytes, streams: bool) -> Result<Answer, RequestError> {
    let mut request = upstream.request(Method::POST, path).header(header::CONTENT_TYPE, "application/json");
    if streams {
        request = request.header(header::CONNECTION, "close");
    }
    request.body(body).send().await
}

/// Answers with the server's answer as it comes. The lease ends with the answer's last byte, or when the
/// client goes away.
fn relay(answer: Answer, lease: Lease) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status();
    *response.headers_mut() = passed_on(answer.headers());
    *response.body_mut() = stream::body(answer, lease);
    response
}

/// The headers of the server's answer that concern the client.
fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let concerns = |name: &HeaderName| {
        let hop_by_hop = [
            header::CONNECTION,
            header::TRANSFER_ENCODING,
            header::TE,
            header::TRAILER,
            header::UPGRADE,
            header::PROXY_AUTHENTICATE,
        ];
        let theirs = name == header::SERVER || name.as_str() == "keep-alive";
        // The server allows every web page; who may call is decided here.
        !theirs && !hop_by_hop.contains(name) && !name.as_str().starts_with("access-control-")
    };
    headers
        .iter()
        .filter(|(name, _)| concerns(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
