//! HTTP to a server that Loadmaster started.
//!
//! An [`Upstream`] speaks to one [`Endpoint`]: over its Unix socket, or to its loopback port with
//! its key. Connections are pooled and reused. Nothing is read from the environment: a proxy that
//! is set for the outside world must never see a loopback request.
//!
//! Bodies stream in both directions; there is no overall timeout, because an answer may take
//! minutes. Whoever wants a deadline puts one around the call.
//!
//! # Example
//!
//! ```no_run
//! use loadmaster_core::Endpoint;
//! use loadmaster_upstream::{Method, Upstream};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let endpoint = Endpoint::Unix { path: "/run/user/1000/loadmaster/a.sock".into() };
//! let answer = Upstream::new(&endpoint)?.request(Method::GET, "/health").send().await?;
//! println!("{}", answer.status());
//! # Ok(())
//! # }
//! ```

mod address;

use std::time::Duration;

use loadmaster_core::Endpoint;
pub use reqwest::{Body, Error as RequestError, Method, RequestBuilder, Response, StatusCode, header};

pub use self::address::{Address, Transport, free_port, random_hex};

/// llama-server's HTTP library closes a connection that was idle for 5 s. Ours are dropped earlier,
/// so that a request is never sent into a connection that the server is closing.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// Loopback connects at once or never.
const CONNECT: Duration = Duration::from_secs(2);

/// Why no client could be made for an endpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// Unix sockets need a Unix.
    #[error("{endpoint} is a Unix socket, which this system does not have: let the server listen on a port")]
    NoUnixSockets {
        /// The endpoint.
        endpoint: String,
    },
    /// The HTTP client could not be set up.
    #[error("The HTTP client for {endpoint} could not be made")]
    Client {
        /// The endpoint.
        endpoint: String,
        /// Why.
        source: reqwest::Error,
    },
}

/// An HTTP client for one server. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Upstream {
    client: reqwest::Client,
    base: String,
    api_key: Option<String>,
}

impl Upstream {
    /// A client for `endpoint`. Connects when the first request is sent.
    ///
    /// # Errors
    /// The endpoint is a Unix socket on a system without, or the client cannot be set up.
    pub fn new(endpoint: &Endpoint) -> Result<Self, UpstreamError> {
        let builder = reqwest::Client::builder()
            .no_proxy()
            // Nothing here is encrypted. Without this each client would load the system's certificates,
            // as soon as another crate of the program has TLS.
            .tls_certs_only([])
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .pool_idle_timeout(POOL_IDLE);
        let (builder, base, api_key) = match endpoint {
            #[cfg(unix)]
            Endpoint::Unix { path } => {
                (builder.unix_socket(path.as_path()), "http://localhost".to_owned(), None)
            }
            #[cfg(not(unix))]
            Endpoint::Unix { .. } => {
                return Err(UpstreamError::NoUnixSockets { endpoint: endpoint.to_string() });
            }
            Endpoint::Tcp { address, api_key } => {
                (builder.tcp_nodelay(true), format!("http://{address}"), Some(api_key.clone()))
            }
        };
        let client = builder
            .build()
            .map_err(|source| UpstreamError::Client { endpoint: endpoint.to_string(), source })?;
        Ok(Self { client, base, api_key })
    }

    /// A request for `path`, which begins with `/` and may have a query.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.api_key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    /// Answers one request with 200 and returns its head.
    async fn answer_once(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        String::from_utf8(head).unwrap()
    }

    #[tokio::test]
    async fn a_port_is_asked_with_its_key() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint =
            Endpoint::Tcp { address: listener.local_addr().unwrap(), api_key: "the-key".to_owned() };
        let server = tokio::spawn(async move { answer_once(listener.accept().await.unwrap().0).await });
        let upstream = Upstream::new(&endpoint).unwrap();
        let answer = upstream.request(Method::GET, "/props?a=1").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let head = server.await.unwrap();
        assert!(head.starts_with("GET /props?a=1 HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("authorization: Bearer the-key\r\n"), "{head}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_socket_is_asked_without_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let server = tokio::spawn(async move { answer_once(listener.accept().await.unwrap().0).await });
        let upstream = Upstream::new(&Endpoint::Unix { path }).unwrap();
        assert!(upstream.request(Method::GET, "/health").send().await.unwrap().status().is_success());
        assert!(!server.await.unwrap().contains("authorization"));
    }
}
