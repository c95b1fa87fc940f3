//! A `llama-server` by itself, started as Loadmaster starts it: the floor of what a swap takes.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::bench::http::{Address, Connection};
use crate::command;

/// How often it is asked whether it is ready: far below the times that are measured, and rarely enough to leave
/// it the processor.
const POLL: Duration = Duration::from_millis(1);

const START_LIMIT: Duration = Duration::from_mins(1);

/// A server that runs or not.
pub(in crate::bench) struct Bare {
    /// The program and its arguments.
    command_line: Vec<String>,
    socket: PathBuf,
    child: Option<Child>,
    _folder: TempDir,
}

impl Bare {
    /// Takes the command line of the process `pid`, a `llama-server` that listens on a Unix socket.
    pub(in crate::bench) fn like(pid: u32) -> Result<Self> {
        let path = format!("/proc/{pid}/cmdline");
        let line = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
        let socket = folder.path().join("bare.sock");
        let command_line =
            at_socket(&line, &socket.to_string_lossy()).with_context(|| format!("{line:?}"))?;
        Ok(Self { command_line, socket, child: None, _folder: folder })
    }

    /// Starts it and waits until it is ready; returns how long that took.
    pub(in crate::bench) fn start(&mut self) -> Result<Duration> {
        let begun = Instant::now();
        let (program, arguments) = self.command_line.split_first().context("an empty command line")?;
        let mut server = command::new(program);
        server.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = self.child.insert(server.spawn().with_context(|| format!("cannot start {program}"))?);
        loop {
            if let Some(status) = child.try_wait()? {
                bail!("the bare server ended before it answered ({status})");
            }
            if is_ready(&Address::Unix(self.socket.clone())) {
                return Ok(begun.elapsed());
            }
            ensure!(begun.elapsed() < START_LIMIT, "the bare server did not answer within {START_LIMIT:?}");
            thread::sleep(POLL);
        }
    }

    /// Stops it and waits for its end; returns how long that took.
    pub(in crate::bench) fn stop(&mut self) -> Result<Duration> {
        let mut child = self.child.take().context("the bare server does not run")?;
        let begun = Instant::now();
        let told = command::succeeds(command::new("kill").args(["-TERM", &child.id().to_string()]));
        ensure!(told, "cannot tell the bare server to end");
        child.wait().context("cannot wait for the bare server")?;
        let took = begun.elapsed();
        // It leaves its socket behind, and would not start where one is.
        fs::remove_file(&self.socket).context("cannot remove the socket of the bare server")?;
        Ok(took)
    }

    pub(in crate::bench) fn address(&self) -> Address {
        Address::Unix(self.socket.clone())
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It has ended already if this fails.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn is_ready(address: &Address) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut connection = Connection::open(address)?;
        connection.end_at(Instant::now() + START_LIMIT);
        connection.get("/health")?;
        Ok(connection.head()?.status == 200)
    };
    ask().unwrap_or(false)
}

/// The arguments of a command line as the kernel shows it, with another socket.
fn at_socket(line: &str, socket: &str) -> Result<Vec<String>> {
    let mut arguments: Vec<String> = line.split_terminator('\0').map(str::to_owned).collect();
    let host = arguments.iter().position(|argument| argument == "--host");
    let host = host.and_then(|at| arguments.get_mut(at + 1)).filter(|host| host.starts_with('/'));
    socket.clone_into(host.context("it does not listen on a Unix socket")?);
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_alone_is_changed() {
        let line =
            at_socket("/bin/llama-server\0--host\0/run/a.sock\0--ctx-size\x004096\0", "/b.sock").unwrap();
        assert_eq!(line, ["/bin/llama-server", "--host", "/b.sock", "--ctx-size", "4096"]);
        assert!(at_socket("llama-server\0--host\x00127.0.0.1\0", "/b.sock").is_err());
    }
}
