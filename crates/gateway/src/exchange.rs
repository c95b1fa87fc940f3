//! One request, sent to the model's server, and its answer.

use axum::http::{self, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use loadmaster_upstream::{Body, RequestError, Upstream};

/// A request on its way to a model's server. Kept until the answer begins, so that it can be sent again.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) model: String,
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

    /// Sends it, and waits for the head of the answer.
    pub(crate) async fn send(&self, upstream: &Upstream) -> Result<Answer, RequestError> {
        let request = upstream.request(self.method.clone(), &self.path).headers(self.headers.clone());
        let answer = request.body(self.body.clone()).send().await?;
        let (head, body) = http::Response::from(answer).into_parts();
        Ok(Answer { head, body })
    }
}

/// An answer whose head is here.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: http::response::Parts,
    pub(crate) body: Body,
}

impl Answer {
    /// Whether it is a stream of server-sent events.
    pub(crate) fn is_event_stream(&self) -> bool {
        let kind = self.head.headers.get(header::CONTENT_TYPE);
        let events = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        events && self.head.status == StatusCode::OK
    }
}

/// The next bytes of a body. Trailers are not passed on: the server sends none.
pub(crate) async fn next_data(body: &mut Body) -> Option<Result<Bytes, RequestError>> {
    loop {
        match body.frame().await? {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Some(Ok(data));
                }
            }
            Err(error) => return Some(Err(error)),
        }
    }
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
pub(crate) fn to_client(headers: &HeaderMap) -> HeaderMap {
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
