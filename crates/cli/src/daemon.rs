//! How to talk to a running `loadmaster serve`.

mod events;
mod following;
mod settings;

use std::{fmt::Write as _, net::SocketAddr};

use reqwest::{Method, Response, StatusCode, header::HeaderMap};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) use self::{
    events::{Events, Told},
    following::{Following, Heard},
    settings::settings_of,
};
use crate::{Failed, config::Config};

/// Asks the Loadmaster that listens where the configuration says; returns the body of its answer.
pub(crate) async fn ask(config: &Config, method: Method, path: &str) -> Result<String, Failed> {
    ask_with(config, method, path, HeaderMap::new(), None).await
}

/// The same with headers, and a body if there is one.
pub(crate) async fn ask_with(
    config: &Config,
    method: Method,
    path: &str,
    headers: HeaderMap,
    body: Option<&Value>,
) -> Result<String, Failed> {
    whole(config, send(config, method, path, headers, body).await?).await
}

/// The same, with a body.
pub(crate) async fn tell(
    config: &Config,
    method: Method,
    path: &str,
    body: &Value,
) -> Result<String, Failed> {
    whole(config, stream(config, method, path, body).await?).await
}

/// The same, for an answer whose body comes by and by.
pub(crate) async fn stream(
    config: &Config,
    method: Method,
    path: &str,
    body: &Value,
) -> Result<Response, Failed> {
    send(config, method, path, HeaderMap::new(), Some(body)).await
}

async fn whole(config: &Config, answer: Response) -> Result<String, Failed> {
    answer.text().await.map_err(|error| unanswered(config, &error))
}

async fn send(
    config: &Config,
    method: Method,
    path: &str,
    headers: HeaderMap,
    body: Option<&Value>,
) -> Result<Response, Failed> {
    let address = reachable(config.listen);
    let failed = |error: reqwest::Error| unanswered(config, &error);
    // A proxy for the outside world has no business on this machine, nor have its certificates.
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().map_err(failed)?;
    let mut request = client.request(method, format!("http://{address}{path}")).headers(headers);
    if let Some(token) = &config.token {
        request = request.bearer_auth(token.read()?);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    let answer = request.send().await.map_err(failed)?;
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    Err(refused(status, &answer.text().await.map_err(failed)?))
}

fn unanswered(config: &Config, error: &reqwest::Error) -> Failed {
    let address = reachable(config.listen);
    if error.is_connect() {
        return Failed::because(format!("Loadmaster does not serve at {address}"))
            .remedy("Start it with `loadmaster serve`, or name its address with --listen.");
    }
    Failed::because(format!("Loadmaster at {address} did not answer: {error}"))
        .remedy("Check what listens there.")
}

/// Reads what Loadmaster answered.
pub(crate) fn read<T: DeserializeOwned>(body: &str) -> Result<T, Failed> {
    serde_json::from_str(body)
        .map_err(|error| Failed::because(format!("The answer of Loadmaster could not be read: {error}")))
}

/// An error in the API's shape, told in words.
pub(crate) fn refused(status: StatusCode, body: &str) -> Failed {
    let json: Value = serde_json::from_str(body).unwrap_or_default();
    let text = |name: &str| json["error"][name].as_str().map(str::to_owned);
    let cause = text("message").unwrap_or_else(|| format!("Loadmaster answered {status}"));
    let failed = match text("code").as_deref() {
        Some("insufficient_memory") => Failed::memory(cause),
        Some("bad_configuration") => Failed::usage(cause),
        _ if status == StatusCode::NOT_FOUND => Failed::not_found(cause),
        _ => Failed::because(cause),
    };
    match text("remedy") {
        Some(remedy) => failed.remedy(remedy),
        None => failed,
    }
}

/// Where to connect to for what listens on `address`: on all addresses means on this machine too.
pub(crate) fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// `name` as one segment of a path: whatever is not unreserved (RFC 3986, section 2.3) is escaped.
pub(crate) fn escaped(name: &str) -> String {
    let mut path = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_segment() {
        assert_eq!(escaped("a b/c?.Q4_1"), "a%20b%2Fc%3F.Q4_1");
    }

    #[test]
    fn everywhere_is_reached_here() {
        assert_eq!(reachable(([0, 0, 0, 0], 7).into()), ([127, 0, 0, 1], 7).into());
        assert_eq!(reachable(([10, 0, 0, 1], 7).into()), ([10, 0, 0, 1], 7).into());
    }
}
