//! One request, sent to the model's server, and its answer.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    response::Response,
};
use bytes::Bytes;
use loadmaster_orchestrator::{Lease, Wish};
use loadmaster_upstream::{RequestError, Response as Answer, Upstream};

use crate::{ApiError, Gateway, stream};

/// A request on its way to a model's server. Kept until the answer begins, so that it can be sent once more.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) model: String,
    pub(crate) wish: Wish,
    pub(crate) method: Method,
    /// With its query, as it came.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Exchange {
    /// The headers of every request that OpenAI's API has.
    pub(crate) fn json() -> HeaderMap {
        [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))].into_iter().collect()
    }

    /// The same headers, on a connection that serves this one request.
    ///
    /// llama-server closes a connection behind a stream, although it says that it keeps it: the next request
    /// could be sent into it in the moment in which it closes, and be lost.
    pub(crate) fn alone(mut headers: HeaderMap) -> HeaderMap {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        headers
    }

    /// Waits for the head of the server's answer.
    pub(crate) async fn with(
        &self,
        gateway: &Gateway,
        mut lease: Lease,
    ) -> Result<(Answer, Lease), ApiError> {
        let mut sent = self.send(&gateway.upstreams.of(lease.instance())?).await;
        if sent.as_ref().is_err_and(RequestError::is_connect) && stream::death(&lease).await.is_some() {
            // It was dead before it could hear us, and nobody had noticed yet: the next one is asked, once.
            lease = gateway.lease(&self.model, self.wish).await?;
            sent = self.send(&gateway.upstreams.of(lease.instance())?).await;
        }
        match sent {
            Ok(answer) => Ok((answer, lease)),
            Err(error) => Err(stream::broken(&lease, &error).await),
        }
    }

    async fn send(&self, upstream: &Upstream) -> Result<Answer, RequestError> {
        let request = upstream.request(self.method.clone(), &self.path).headers(self.headers.clone());
        request.body(self.body.clone()).send().await
    }
}

/// Answers with the server's answer as it comes. The lease ends with the answer's last byte, or when the
/// client goes away.
pub(crate) fn relay((answer, lease): (Answer, Lease)) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status();
    *response.headers_mut() = to_client(answer.headers());
    *response.body_mut() = stream::body(answer, lease);
    response
}

/// The headers of a request that concern the model's server. Keys are between us and it, and between the
/// client and us.
pub(crate) fn to_server(headers: &HeaderMap) -> HeaderMap {
    let ours = [header::HOST, header::CONTENT_LENGTH, header::EXPECT, header::AUTHORIZATION, header::COOKIE];
    let concerns = |name: &HeaderName| {
        !ours.contains(name) && name != "x-api-key" && !name.as_str().starts_with("x-loadmaster-")
    };
    passed_on(headers, concerns)
}

/// The headers of the server's answer that concern the client.
fn to_client(headers: &HeaderMap) -> HeaderMap {
    // The server allows every web page; who may call is decided here.
    passed_on(headers, |name| name != header::SERVER && !name.as_str().starts_with("access-control-"))
}

/// Those of `headers` that are not about the connection alone (RFC 9110, section 7.6.1), as far as they
/// concern the other side.
fn passed_on(headers: &HeaderMap, concerns: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    let hop_by_hop = [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
    ];
    let goes = |name: &HeaderName| {
        let about_connection =
            hop_by_hop.contains(name) || name == "keep-alive" || name == "proxy-connection";
        !about_connection && concerns(name)
    };
    headers.iter().filter(|(name, _)| goes(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}
