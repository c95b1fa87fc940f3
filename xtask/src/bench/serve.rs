//! `loadmaster serve`, as the benches start it.

use std::io::BufReader;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::server::{self, Server};
use crate::command;

/// A running daemon; it is stopped when dropped.
pub(super) struct Serve {
    pub(super) server: Server,
    pub(super) address: SocketAddr,
    // Closed, and removed, only when the server has ended: fields are dropped in this order.
    _output: BufReader<ChildStdout>,
    home: TempDir,
}

impl Serve {
    /// Starts it with a home of its own, so that nothing of the user's is read or changed. `configure` adds to the
    /// command, and may write into the home.
    pub(super) fn start(
        loadmaster: &Path,
        configure: impl FnOnce(&mut Command, &Path) -> Result<()>,
    ) -> Result<Self> {
        let home = tempfile::tempdir().context("cannot create a temporary folder")?;
        let mut serve = command::new(loadmaster);
        serve.args(["serve", "--listen", "127.0.0.1:0"]);
        configure(&mut serve, home.path())?;
        serve
            .env("LOADMASTER_HOME", home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut server = Server::start(&mut serve)?;
        let mut output = server.output()?;
        let address = server::announced_address(&mut output).context("loadmaster serve")?;
        Ok(Self { server, address, _output: output, home })
    }

    pub(super) fn home(&self) -> &Path {
        self.home.path()
    }
}
