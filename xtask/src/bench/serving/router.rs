//! `llama-server --models-dir`, the router of llama.cpp.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

use super::{CONTEXT, Programs, Serves};
use crate::bench::http::Address;
use crate::bench::server::Server;
use crate::command;

/// What it prints when it starts a model.
const START: &str = "spawning server instance with name=";

/// A running router.
pub(in crate::bench) struct Router {
    address: SocketAddr,
    _server: Server,
    log: NamedTempFile,
}

impl Router {
    /// Starts it with both models, of which one may be loaded. Slots and context are handed on to the models.
    pub(in crate::bench) fn start(programs: &Programs) -> Result<Self> {
        let log = NamedTempFile::new().context("cannot create a temporary file")?;
        let output = || -> Result<File> { log.reopen().context("cannot open the log") };
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr());
        let address = free.context("no free port")?;
        let mut router = command::new(&programs.llama_server);
        router.args(["--host", "127.0.0.1", "--port", &address.port().to_string(), "--models-max", "1"]);
        router
            .args(["--ctx-size", CONTEXT, "--parallel", programs.slots, "--models-dir"])
            .arg(programs.models.path());
        router.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output()?);
        let mut server = Server::start(&mut router)?;
        server.wait_until_it_answers(address, "/health").context("llama-server as a router")?;
        Ok(Self { address, _server: server, log })
    }
}

impl Serves for Router {
    fn address(&self) -> Address {
        Address::Tcp(self.address)
    }

    fn starts(&self) -> Result<u64> {
        let printed = fs::read(self.log.path()).context("cannot read what the router prints")?;
        Ok(u64::try_from(String::from_utf8_lossy(&printed).matches(START).count())?)
    }
}
