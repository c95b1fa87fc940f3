//! A server with ranges on 127.0.0.1 that sends a file by the kernel alone, so that little of the machine is its own.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result};

/// Starts the server for the file at `path`, under any path of its own; it goes with this process.
pub(super) fn start(path: &Path) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    let address = listener.local_addr().context("no free port")?;
    let path: PathBuf = path.to_owned();
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let path = path.clone();
            // A client that goes away has what it needs.
            thread::spawn(move || converse(&connection, &path));
        }
    });
    Ok(address)
}

fn converse(connection: &TcpStream, path: &Path) -> io::Result<()> {
    let mut requests = BufReader::new(connection);
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    while let Some(asked) = request(&mut requests)? {
        let (status, body) = match asked.range {
            Some(range) => ("206 Partial Content", range.start..range.end.min(length)),
            None => ("200 OK", 0..length),
        };
        let count = body.end.saturating_sub(body.start);
        let mut head = format!(
            "HTTP/1.1 {status}\r\nETag: \"1\"\r\nAccept-Ranges: bytes\r\nContent-Length: {count}\r\n"
        );
        if status.starts_with("206") {
            let _ = write!(head, "Content-Range: bytes {}-{}/{length}\r\n", body.start, body.end - 1);
        }
        (&mut &*connection).write_all((head + "\r\n").as_bytes())?;
        if asked.wants_body {
            (&file).seek(SeekFrom::Start(body.start))?;
            // On Linux the standard library lets the kernel copy from file to socket.
            io::copy(&mut (&file).take(count), &mut &*connection)?;
        }
    }
    Ok(())
}

struct Asked {
    range: Option<Range<u64>>,
    wants_body: bool,
}

/// The next request; nothing when the client has gone.
fn request(requests: &mut impl BufRead) -> io::Result<Option<Asked>> {
    let mut asked = Asked { range: None, wants_body: true };
    for number in 0.. {
        let mut line = String::new();
        if requests.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if number == 0 {
            asked.wants_body = !line.starts_with("head");
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            asked.range = range.split_once('-').and_then(|(first, last)| {
                let end =
                    if last.is_empty() { u64::MAX } else { last.parse::<u64>().ok()?.checked_add(1)? };
                Some(first.parse().ok()?..end)
            });
        }
    }
    Ok(Some(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_whole_files_are_sent_over_one_connection() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "0123456789").unwrap();
        let mut connection = TcpStream::connect(start(file.path()).unwrap()).unwrap();
        let ask = |range: &str| format!("GET / HTTP/1.1\r\n{range}\r\n");
        let text =
            ask("Range: bytes=2-4\r\n") + &ask("range: bytes=8-\r\n") + &ask("") + "HEAD / HTTP/1.1\r\n\r\n";
        connection.write_all(text.as_bytes()).unwrap();
        connection.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answers = String::new();
        connection.read_to_string(&mut answers).unwrap();
        let bodies: Vec<_> =
            answers.split("\r\n\r\n").skip(1).map(|body| body.split("HTTP").next()).collect();
        assert_eq!(bodies, [Some("234"), Some("89"), Some("0123456789"), Some("")]);
        assert!(answers.contains("Content-Range: bytes 2-4/10"), "{answers}");
    }
}
