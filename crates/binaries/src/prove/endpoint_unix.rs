//! Where a server under proof listens: on a socket in a folder that only the user can enter.

use std::{ffi::OsString, io, time::Duration};

/// An address, and a client for it.
pub(super) struct Endpoint {
    pub(super) client: reqwest::Client,
    pub(super) base: &'static str,
    socket: std::path::PathBuf,
    /// It goes with the endpoint.
    _folder: tempfile::TempDir,
}

impl Endpoint {
    pub(super) fn choose(deadline: Duration) -> io::Result<Self> {
        // Not in the library's folder: the path of a socket has at most 108 bytes.
        let folder = tempfile::Builder::new().prefix("lm-proof-").tempdir()?;
        let socket = folder.path().join("s.sock");
        let client = super::works::client(deadline).unix_socket(socket.as_path());
        let client = client.build().map_err(io::Error::other)?;
        Ok(Self { client, base: "http://localhost", socket, _folder: folder })
    }

    /// The server's arguments.
    pub(super) fn arguments(&self) -> Vec<OsString> {
        vec!["--host".into(), self.socket.clone().into_os_string()]
    }
}
