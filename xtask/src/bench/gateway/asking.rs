//! Requests over connections that are kept.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::bench::http::{Address, Connection};

const LIMIT: Duration = Duration::from_mins(1);

/// What a number of requests took.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Of each request, in milliseconds, from its first byte to the answer's last.
    pub(super) latencies: Vec<f64>,
    /// From the first connection to the last answer.
    pub(super) took: Duration,
}

/// Lets so many connections ask at once, each one request after the other.
pub(super) fn ask(address: &Address, body: &str, connections: u32, each: u32) -> Result<Asked> {
    let begun = Instant::now();
    let latencies: Result<Vec<f64>> = thread::scope(|scope| {
        let all: Vec<_> =
            (0..connections).map(|_| scope.spawn(|| one_connection(address, body, each))).collect();
        let mut latencies = Vec::new();
        for one in all {
            latencies.extend(one.join().expect("a client has nothing to panic at")?);
        }
        Ok(latencies)
    });
    Ok(Asked { latencies: latencies?, took: begun.elapsed() })
}

fn one_connection(address: &Address, body: &str, requests: u32) -> Result<Vec<f64>> {
    let mut latencies = Vec::new();
    let mut connection = open(address)?;
    for _ in 0..requests {
        let begun = Instant::now();
        connection.post("/v1/completions", body)?;
        let mut head = connection.head()?;
        let answer = connection.rest(&mut head)?;
        let took = begun.elapsed();
        if head.status != 200 {
            bail!("answered with {}: {}", head.status, String::from_utf8_lossy(&answer));
        }
        latencies.push(took.as_secs_f64() * 1000.0);
        if head.closes {
            // llama-server closes after a hundred requests; connecting is not what is measured.
            connection = open(address)?;
        }
    }
    Ok(latencies)
}

fn open(address: &Address) -> Result<Connection> {
    let open = || -> io::Result<Connection> {
        let mut connection = Connection::open(address)?;
        connection.end_at(Instant::now() + LIMIT);
        Ok(connection)
    };
    open().with_context(|| format!("cannot connect to {address:?}"))
}
