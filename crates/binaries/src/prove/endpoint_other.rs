//! Where a server under proof listens, on systems without Unix sockets: on a loopback port.

use std::{ffi::OsString, io, net::TcpListener, time::Duration};

/// An address, and a client for it.
pub(super) struct Endpoint {
    pub(super) client: reqwest::Client,
    pub(super) base: String,
    port: u16,
}

impl Endpoint {
    pub(super) fn choose(deadline: Duration) -> io::Result<Self> {
        // Free now; if somebody takes it meanwhile, the server says so and ends.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let client = super::works::client(deadline).build().map_err(io::Error::other)?;
        Ok(Self { client, base: format!("http://127.0.0.1:{port}"), port })
    }

    /// The server's arguments.
    pub(super) fn arguments(&self) -> Vec<OsString> {
        let port = self.port.to_string();
        ["--host", "127.0.0.1", "--port", &port].map(OsString::from).to_vec()
    }
}
