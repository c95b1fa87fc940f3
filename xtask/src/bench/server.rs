//! A server that is being measured: started, asked whether it answers, weighed, stopped.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::machine::kibibytes;
use crate::command;

/// How often it is tried whether the server answers: far below the times that are measured.
const POLL: Duration = Duration::from_micros(500);

/// A server that does not answer by then never will.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A server that has not ended on TERM by then is killed.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// What a process takes, in KiB.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    /// Resident set size (`VmRSS`): every page counts whole, shared ones too.
    pub(super) resident: u64,
    /// Proportional set size (`Pss`): a page that `n` processes share counts a `n`th.
    pub(super) proportional: u64,
}

/// A running server; it is stopped when dropped.
pub(super) struct Server {
    child: Child,
    started: Instant,
}

impl Server {
    /// Starts `server`.
    pub(super) fn start(server: &mut Command) -> Result<Self> {
        let started = Instant::now();
        let child =
            server.spawn().with_context(|| format!("cannot start {}", server.get_program().display()))?;
        Ok(Self { child, started })
    }

    /// Its process.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The server's piped standard output, to be kept open as long as the server runs.
    pub(super) fn output(&mut self) -> Result<BufReader<ChildStdout>> {
        self.child.stdout.take().map(BufReader::new).context("the standard output is not piped")
    }

    /// Waits until `GET path` at `address` is answered with 200 and returns the time since the start.
    pub(super) fn wait_until_it_answers(&mut self, address: SocketAddr, path: &str) -> Result<Duration> {
        while !answers(address, path) {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended before it answered ({status})");
            }
            if self.started.elapsed() > START_LIMIT {
                bail!("the server did not answer GET {path} at {address} in {START_LIMIT:?}");
            }
            thread::sleep(POLL);
        }
        Ok(self.started.elapsed())
    }

    /// What the server takes now, which must be one process: a child would have to be counted too.
    pub(super) fn memory(&self) -> Result<Memory> {
        let children = children(self.child.id())?;
        ensure!(children.is_empty(), "it has child processes: {}", children.join(", "));
        let read = |file: &str, name: &str| {
            let path = format!("/proc/{}/{file}", self.child.id());
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
            kibibytes(&text, name).with_context(|| format!("{path} has no {name}"))
        };
        Ok(Memory { resident: read("status", "VmRSS")?, proportional: read("smaps_rollup", "Pss")? })
    }
}

/// The children of the process `id`, over all of its threads.
pub(super) fn children(id: u32) -> Result<Vec<String>> {
    let mut children = Vec::new();
    let threads = format!("/proc/{id}/task");
    for thread in fs::read_dir(&threads).with_context(|| format!("cannot list {threads}"))? {
        let path = thread?.path().join("children");
        // A thread that ended since the folder was listed has none.
        let text = fs::read_to_string(path).unwrap_or_default();
        children.extend(text.split_whitespace().map(str::to_owned));
    }
    Ok(children)
}

impl Drop for Server {
    fn drop(&mut self) {
        let asked = command::succeeds(command::new("kill").args(["-TERM", &self.child.id().to_string()]));
        let deadline = Instant::now() + STOP_LIMIT;
        while asked && Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        // It has ended already if this fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in the line `listening on http://ADDRESS`, which must be the first.
pub(super) fn announced_address(output: &mut impl BufRead) -> Result<SocketAddr> {
    let mut line = String::new();
    output.read_line(&mut line).context("cannot read what the server prints")?;
    line.trim()
        .strip_prefix("listening on http://")
        .and_then(|address| address.parse().ok())
        .with_context(|| format!("the first line is not `listening on http://ADDRESS` but {line:?}"))
}

fn answers(address: SocketAddr, path: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(START_LIMIT))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut start = [0; "HTTP/1.1 200".len()];
        stream.read_exact(&mut start)?;
        Ok(start.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_the_first_line() {
        let read = |text: &str| announced_address(&mut text.as_bytes());
        assert_eq!(read("listening on http://127.0.0.1:4711\n").unwrap().port(), 4711);
        assert!(read("").is_err());
        assert!(read("starting\nlistening on http://127.0.0.1:4711\n").is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_is_weighed_and_gone_afterwards() {
        use std::process::Stdio;

        let mut server =
            Server::start(command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped())).unwrap();
        // Once it has answered it is past its start, during which its memory is anything.
        let mut line = String::new();
        writeln!(server.child.stdin.as_ref().unwrap(), "hello").unwrap();
        server.output().unwrap().read_line(&mut line).unwrap();
        assert_eq!(line, "hello\n");
        let memory = server.memory().unwrap();
        assert!(memory.resident > 0 && memory.proportional > 0, "{memory:?}");
        let folder = format!("/proc/{}", server.child.id());
        drop(server);
        assert!(!std::path::Path::new(&folder).exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_server_with_a_child_is_not_weighed() {
        use std::process::Stdio;

        // `cat` ends with the pipe of the shell that is its parent; the line says that it runs.
        let mut shell = command::new("sh");
        shell.args(["-c", "cat; true"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = Server::start(&mut shell).unwrap();
        let mut line = String::new();
        writeln!(server.child.stdin.as_ref().unwrap(), "hello").unwrap();
        server.output().unwrap().read_line(&mut line).unwrap();
        assert!(server.memory().unwrap_err().to_string().starts_with("it has child processes"));
    }

    #[test]
    fn a_server_that_ends_is_no_server() {
        let mut server = Server::start(command::cargo().arg("--version")).unwrap();
        // Port 9 is discard: nothing answers HTTP there.
        let error = server.wait_until_it_answers(([127, 0, 0, 1], 9).into(), "/healthz").unwrap_err();
        assert!(error.to_string().contains("ended before it answered"));
    }
}
