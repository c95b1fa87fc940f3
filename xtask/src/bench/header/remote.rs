//! Our reader over HTTP, by the smallest client there can be: its requests and bytes are what counts.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;

use anyhow::{Context, Result, ensure};
use loadmaster_gguf::{Header, HeaderStream, Progress, ReadOptions};

/// Reads the header of the file that a server with ranges has at `address`.
pub(super) fn header(address: SocketAddr) -> Result<Header> {
    let mut stream = HeaderStream::new(ReadOptions::default());
    loop {
        let (total, mut body) = get(address, stream.wants())?;
        stream = stream.with_total(total);
        let before = stream.received();
        let mut piece = vec![0; 16 * 1024];
        loop {
            let length = body.read(&mut piece)?;
            if length == 0 {
                break;
            }
            match stream.feed(&piece[..length])? {
                Progress::Complete(header) => return Ok(*header),
                Progress::NeedMore(next) => stream = next,
            }
        }
        ensure!(stream.received() > before, "the server sends nothing more");
    }
}

/// The length of the whole file, and the body of the answer.
fn get(address: SocketAddr, range: Range<u64>) -> Result<(u64, impl Read)> {
    let mut connection =
        TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
    let last = range.end.saturating_sub(1);
    write!(
        connection,
        "GET /file HTTP/1.1\r\nHost: {address}\r\nRange: bytes={}-{last}\r\n\r\n",
        range.start
    )?;
    let mut answer = BufReader::new(connection);
    let mut total = None;
    loop {
        let mut line = String::new();
        answer.read_line(&mut line)?;
        let line = line.trim();
        if line.is_empty() {
            break;
        }
        let of_range = line.strip_prefix("Content-Range: bytes ").and_then(|range| range.split_once('/'));
        total = of_range.map_or(total, |(_, total)| total.parse().ok());
    }
    Ok((total.context("the answer has no Content-Range")?, answer))
}
