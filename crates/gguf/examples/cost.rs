//! What a header costs: requests and bytes over a network, and time from disk.
//! `cargo run --release --example cost -- FILE.gguf...`
#![expect(clippy::print_stdout, reason = "printing is what the example is for")]

use std::{
    convert::Infallible,
    error::Error,
    ops::Range,
    path::Path,
    pin::pin,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use loadmaster_gguf::{Answer, Header, RangeSource, ReadOptions};

/// A file that answers as a server with ranges does, and counts what it is asked.
struct Counted {
    file: Vec<u8>,
    body: Option<Range<usize>>,
    requests: usize,
    bytes: usize,
}

impl RangeSource for Counted {
    type Error = Infallible;
    type Chunk = Vec<u8>;

    async fn request(&mut self, range: Range<u64>) -> Result<Answer, Infallible> {
        let place = |at: u64| usize::try_from(at).map_or(self.file.len(), |at| at.min(self.file.len()));
        let body = place(range.start)..place(range.end);
        self.requests += 1;
        self.bytes += body.len();
        self.body = Some(body);
        Ok(Answer { first: range.start, total: Some(self.file.len() as u64) })
    }

    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.body.take().map(|body| self.file[body].to_vec()))
    }
}

/// Runs a future that never waits, as those of a file in memory.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("a file in memory never waits"),
    }
}

fn median_time(path: &Path) -> Result<Duration, Box<dyn Error>> {
    const RUNS: usize = 101;
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let start = Instant::now();
        Header::open(path)?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times[RUNS / 2])
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("{:>10} {:>8} {:>10} {:>6} {:>10}  file", "header", "requests", "bytes", "ratio", "open");
    for path in std::env::args_os().skip(1) {
        let path = Path::new(&path);
        let mut source = Counted { file: std::fs::read(path)?, body: None, requests: 0, bytes: 0 };
        let header = at_once(Header::fetch(&mut source, ReadOptions::default()))?;
        #[expect(clippy::cast_precision_loss, reason = "a ratio of which two digits matter")]
        let ratio = source.bytes as f64 / header.header_bytes() as f64;
        println!(
            "{:>10} {:>8} {:>10} {ratio:>6.3} {:>7} us  {}",
            header.header_bytes(),
            source.requests,
            source.bytes,
            median_time(path)?.as_micros(),
            path.display()
        );
    }
    Ok(())
}
