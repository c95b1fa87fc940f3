//! A server with ranges on 127.0.0.1 that counts what it sends of one file.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};

/// A running server; it ends when dropped.
pub(super) struct RangeServer {
    address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    file: Vec<u8>,
    requests: AtomicU64,
    bytes: AtomicU64,
    ends: AtomicBool,
}

/// What was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) requests: u64,
    /// Of bodies alone.
    pub(super) bytes: u64,
}

impl RangeServer {
    /// Serves the file at `path`, under any path, and behind it so many zeros as if weights followed.
    pub(super) fn start(path: &Path, zeros: usize) -> Result<Self> {
        let mut file = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        file.resize(file.len() + zeros, 0);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
        let address = listener.local_addr().context("no free port")?;
        let (requests, bytes, ends) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        let state = Arc::new(State { file, requests, bytes, ends });
        let shared = Arc::clone(&state);
        let thread = thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                if shared.ends.load(Ordering::SeqCst) {
                    return;
                }
                // A client that goes away while it is answered is no fault: it has what it needs.
                let _ = shared.answer(&connection);
            }
        });
        Ok(Self { address, state, thread: Some(thread) })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it sent since it was last asked.
    pub(super) fn take_sent(&self) -> Sent {
        Sent {
            requests: self.state.requests.swap(0, Ordering::SeqCst),
            bytes: self.state.bytes.swap(0, Ordering::SeqCst),
        }
    }
}

impl Drop for RangeServer {
    fn drop(&mut self) {
        self.state.ends.store(true, Ordering::SeqCst);
        // Wakes the thread up, which then sees that it ends.
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl State {
    /// Answers one request; the connection closes behind it.
    fn answer(&self, connection: &TcpStream) -> io::Result<()> {
        let mut asked = None;
        for line in BufReader::new(connection).lines() {
            let line = line?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            asked = asked.or_else(|| range(line.strip_prefix("range: bytes=")?));
        }
        let total = self.file.len();
        let wanted = asked.clone().unwrap_or(0..total);
        let body = wanted.start.min(total)..wanted.end.min(total);
        self.requests.fetch_add(1, Ordering::SeqCst);
        let status = match asked {
            Some(_) if body.is_empty() => "416 Range Not Satisfiable",
            Some(_) => "206 Partial Content",
            None => "200 OK",
        };
        let (first, last) = (body.start, body.end.saturating_sub(1));
        let mut out = connection;
        write!(
            out,
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Range: bytes {first}-{last}/{total}\r\n\
             Connection: close\r\n\r\n",
            body.len(),
        )?;
        for piece in self.file[body].chunks(16 * 1024) {
            out.write_all(piece)?;
            self.bytes.fetch_add(piece.len() as u64, Ordering::SeqCst);
        }
        out.flush()
    }
}

/// `first-last` as a range.
fn range(text: &str) -> Option<Range<usize>> {
    let (first, last) = text.trim().split_once('-')?;
    Some(first.parse().ok()?..last.parse::<usize>().ok()?.checked_add(1)?).filter(|range| !range.is_empty())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn get(server: &RangeServer, header: &str) -> String {
        let mut connection = TcpStream::connect(server.address()).unwrap();
        write!(connection, "GET / HTTP/1.1\r\n{header}\r\n\r\n").unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn ranges_are_sent_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "0123456789").unwrap();
        let server = RangeServer::start(&file, 2).unwrap();
        let part = get(&server, "Range: bytes=2-4");
        assert!(part.starts_with("HTTP/1.1 206 ") && part.ends_with("\r\n\r\n234"), "{part}");
        assert!(part.contains("Content-Range: bytes 2-4/12"), "{part}");
        assert!(get(&server, "range: bytes=8-99").ends_with("\r\n\r\n89\0\0"));
        assert!(get(&server, "Range: bytes=12-20").starts_with("HTTP/1.1 416 "));
        assert!(get(&server, "Accept: */*").ends_with("\r\n\r\n0123456789\0\0"));
        assert_eq!(server.take_sent(), Sent { requests: 4, bytes: 19 });
        assert_eq!(server.take_sent(), Sent { requests: 0, bytes: 0 });
    }
}
