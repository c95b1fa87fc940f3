//! An HTTP/1.1 client that adds next to nothing to what is measured: one blocking connection, no proxy, no TLS.

mod socket;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::time::Instant;

use serde_json::Value;

pub(crate) use self::socket::Address;
use self::socket::Socket;

/// A connection, for one request after the other.
#[derive(Debug)]
pub(super) struct Connection<S = Socket> {
    wire: BufReader<S>,
}

/// How an answer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    /// Whether the server closes the connection behind this answer.
    pub(super) closes: bool,
    body: Body,
}

/// What of a body is still to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Bytes(usize),
    Chunks,
    UntilClosed,
}

impl Connection {
    pub(super) fn open(address: &Address) -> io::Result<Self> {
        Ok(Self { wire: BufReader::new(Socket::open(address)?) })
    }

    /// Lets reads fail with [`io::ErrorKind::TimedOut`] from `deadline` on.
    pub(super) fn end_at(&mut self, deadline: Instant) {
        self.wire.get_mut().end_at(deadline);
    }
}

impl<S: Read + Write> Connection<S> {
    /// Sends a `POST` with a JSON body.
    pub(super) fn post(&mut self, path: &str, body: &str) -> io::Result<()> {
        // In one piece: two would be two packets.
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len(),
        );
        self.wire.get_mut().write_all(request.as_bytes())
    }

    /// Sends a `GET`.
    pub(super) fn get(&mut self, path: &str) -> io::Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.wire.get_mut().write_all(request.as_bytes())
    }

    /// Reads how the answer begins.
    pub(super) fn head(&mut self) -> io::Result<Head> {
        let status = self.line()?.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| malformed("the status line"))?;
        let mut head = Head { status, closes: false, body: Body::UntilClosed };
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(':').map(|(name, value)| (name, value.trim())) {
                None if line.is_empty() => return Ok(head),
                Some(("content-length", length)) => {
                    head.body = Body::Bytes(length.parse().map_err(|_| malformed("the length"))?);
                }
                Some(("transfer-encoding", "chunked")) => head.body = Body::Chunks,
                Some(("connection", "close")) => head.closes = true,
                _ => {}
            }
        }
    }

    /// Reads the next piece of the body as it comes; `None` behind the last one.
    pub(super) fn piece(&mut self, head: &mut Head) -> io::Result<Option<Vec<u8>>> {
        match head.body {
            Body::Bytes(0) => Ok(None),
            Body::Bytes(left) => {
                let piece = self.some(left)?;
                if piece.is_empty() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                head.body = Body::Bytes(left - piece.len());
                Ok(Some(piece))
            }
            Body::Chunks => {
                let chunk = self.chunk()?;
                if chunk.is_none() {
                    head.body = Body::Bytes(0);
                }
                Ok(chunk)
            }
            Body::UntilClosed => Ok(Some(self.some(usize::MAX)?).filter(|piece| !piece.is_empty())),
        }
    }

    /// Reads what is left of the body.
    pub(super) fn rest(&mut self, head: &mut Head) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(piece) = self.piece(head)? {
            body.extend(piece);
        }
        Ok(body)
    }

    /// Whatever is there of at most `most` bytes; nothing at the end.
    fn some(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let there = self.wire.fill_buf()?;
        let piece = there[..there.len().min(most)].to_vec();
        self.wire.consume(piece.len());
        Ok(piece)
    }

    fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let line = self.line()?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| malformed("the size of a chunk"))?;
        let mut chunk = vec![0; size];
        self.wire.read_exact(&mut chunk)?;
        self.line()?;
        Ok((size > 0).then_some(chunk))
    }

    /// A line without its end.
    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.wire.read_line(&mut line)? == 0 || !line.ends_with('\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

/// Asks once for JSON.
pub(super) fn get_json(address: &Address, path: &str) -> io::Result<Value> {
    let mut connection = Connection::open(address)?;
    connection.get(path)?;
    let mut head = connection.head()?;
    let body = connection.rest(&mut head)?;
    if head.status != 200 {
        return Err(io::Error::other(format!("GET {path} was answered with {}", head.status)));
    }
    Ok(serde_json::from_slice(&body)?)
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} of an answer is not HTTP"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn answered(text: &str) -> Connection<Cursor<Vec<u8>>> {
        Connection { wire: BufReader::new(Cursor::new(text.as_bytes().to_vec())) }
    }

    #[test]
    fn answers_are_read_one_behind_the_other() {
        let mut connection = answered(concat!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=1\r\nde\r\n0\r\n\r\n",
            "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno",
        ));
        let mut head = connection.head().unwrap();
        assert_eq!((head.status, head.closes), (200, false));
        assert_eq!(connection.piece(&mut head).unwrap().unwrap(), b"abc");
        assert_eq!(connection.rest(&mut head).unwrap(), b"de");
        let mut head = connection.head().unwrap();
        assert_eq!((head.status, head.closes), (502, true));
        assert_eq!(connection.rest(&mut head).unwrap(), b"no");
        assert!(connection.head().is_err());
    }

    #[test]
    fn a_body_that_breaks_off_is_no_body() {
        for text in ["Transfer-Encoding: chunked\r\n\r\n3\r\nab", "Content-Length: 3\r\n\r\nab"] {
            let mut connection = answered(&format!("HTTP/1.1 200 OK\r\n{text}"));
            let mut head = connection.head().unwrap();
            let error = connection.rest(&mut head).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{text}");
        }
    }
}
