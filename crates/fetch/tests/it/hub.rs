//! A server with ranges that serves one file, however wrong a test wants it.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What a client asked for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) head: String,
    /// How many came before it.
    pub(crate) number: usize,
    /// What it asked for, within the file.
    pub(crate) range: Option<Range<u64>>,
}

/// How to answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) file: Arc<Vec<u8>>,
    pub(crate) etag: Option<String>,
    /// Whether ranges and `If-Range` are heeded.
    pub(crate) ranges: bool,
    /// Ends the connection before this offset of the file.
    pub(crate) cut: Option<u64>,
    /// Says nothing more from this offset of the file on.
    pub(crate) stall: Option<u64>,
    /// An answer without the file: its status, and lines of its head.
    pub(crate) refusal: Option<(u16, String)>,
    /// Turns away who comes while another is served.
    pub(crate) alone: bool,
    /// Added to the offset that `Content-Range` says.
    pub(crate) shift: u64,
    /// Added to the length that is said of the whole.
    pub(crate) longer: u64,
    /// Sends without saying a length, until the connection ends.
    pub(crate) unsaid_length: bool,
    /// How many bytes are sent at once, and the pause after them.
    pub(crate) drip: Option<(usize, Duration)>,
}

impl Answer {
    /// As a server should: the file of these bytes.
    pub(crate) fn of(file: &Arc<Vec<u8>>) -> Self {
        Self {
            file: file.clone(),
            etag: Some("\"v1\"".into()),
            ranges: true,
            cut: None,
            stall: None,
            refusal: None,
            alone: false,
            shift: 0,
            longer: 0,
            unsaid_length: false,
            drip: None,
        }
    }

    /// Without the file.
    pub(crate) fn refusal(status: u16, lines: &str) -> Self {
        Self { refusal: Some((status, lines.to_owned())), ..Self::of(&Arc::default()) }
    }
}

/// The server. It goes with the runtime of its test.
#[derive(Debug, Clone)]
pub(crate) struct Hub {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    requests: Vec<Request>,
    /// Bytes of bodies that were sent.
    sent: u64,
    connections: usize,
    /// How many are being served.
    serving: usize,
}

type Script = Arc<dyn Fn(&Request) -> Answer + Send + Sync>;

impl Hub {
    /// A server that answers each request as `script` says.
    pub(crate) async fn start(script: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let hub = Self { address: listener.local_addr().expect("it listens"), seen: Arc::default() };
        let (script, accepting): (Script, _) = (Arc::new(script), hub.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepting.seen().connections += 1;
                tokio::spawn(accepting.clone().converse(stream, script.clone()));
            }
        });
        hub
    }

    /// A server that serves these bytes as it should.
    pub(crate) async fn of(file: &Arc<Vec<u8>>) -> Self {
        let file = file.clone();
        Self::start(move |_| Answer::of(&file)).await
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/model.gguf", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen().requests.clone()
    }

    /// How many bytes of the file were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.seen().sent
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen().connections
    }

    async fn converse(self, mut stream: TcpStream, script: Script) -> Option<()> {
        loop {
            let head = head(&mut stream).await?;
            let range = header(&head, "range").and_then(|range| {
                let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
                Some(first.parse().ok()?..last.parse::<u64>().ok()?.checked_add(1)?)
            });
            let request = {
                let mut seen = self.seen();
                let number = seen.requests.len();
                let request = Request { head, number, range };
                seen.requests.push(request.clone());
                request
            };
            self.answer(&mut stream, &request, script(&request)).await?;
        }
    }

    /// Nothing if the connection is to end.
    async fn answer(&self, stream: &mut TcpStream, request: &Request, answer: Answer) -> Option<()> {
        if let Some((status, lines)) = &answer.refusal {
            let text = format!("HTTP/1.1 {status} X\r\n{lines}content-length: 0\r\n\r\n");
            return stream.write_all(text.as_bytes()).await.ok();
        }
        let length = answer.file.len() as u64;
        let same = header(&request.head, "if-range").is_none_or(|tag| Some(tag) == answer.etag.as_deref());
        let asked = request.range.clone().filter(|_| answer.ranges && same);
        let served = asked.clone().map_or(0..length, |range| range.start.min(length)..range.end.min(length));
        let mut head = match &asked {
            Some(_) if served.is_empty() => {
                format!("HTTP/1.1 416 X\r\ncontent-range: bytes */{length}\r\n")
            }
            Some(_) => format!(
                "HTTP/1.1 206 X\r\ncontent-range: bytes {}-{}/{}\r\n",
                served.start + answer.shift,
                served.end + answer.shift - 1,
                length + answer.longer
            ),
            None => "HTTP/1.1 200 X\r\n".into(),
        };
        if !answer.unsaid_length {
            let more = if asked.is_some() { 0 } else { answer.longer };
            let _ = write!(head, "content-length: {}\r\n", served.end - served.start + more);
        }
        if let Some(etag) = &answer.etag {
            let _ = write!(head, "etag: {etag}\r\n");
        }
        let others = self.seen().serving;
        if answer.alone && others > 0 {
            let busy = "HTTP/1.1 503 X\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n";
            return stream.write_all(busy.as_bytes()).await.ok();
        }
        self.seen().serving += 1;
        let sent = match stream.write_all(format!("{head}\r\n").as_bytes()).await {
            Ok(()) => self.send(stream, served, &answer).await,
            Err(_) => None,
        };
        self.seen().serving -= 1;
        sent?;
        (!answer.unsaid_length && answer.longer == 0).then_some(())
    }

    async fn send(&self, stream: &mut TcpStream, served: Range<u64>, answer: &Answer) -> Option<()> {
        let (step, pause) = answer.drip.unwrap_or((64 * 1024, Duration::ZERO));
        let mut at = served.start;
        while at < served.end {
            let until = (at + step as u64).min(served.end);
            let fault = answer.cut.into_iter().chain(answer.stall).min().filter(|fault| *fault < until);
            let until = fault.map_or(until, |fault| fault.max(at));
            let bytes = &answer.file[usize::try_from(at).ok()?..usize::try_from(until).ok()?];
            stream.write_all(bytes).await.ok()?;
            self.seen().sent += bytes.len() as u64;
            at = until;
            if fault.is_some() && answer.stall.is_some_and(|stall| stall <= at) {
                std::future::pending::<()>().await;
            }
            if fault.is_some() {
                return None;
            }
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
        Some(())
    }
}

async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// The value of a header, whose name is in lower case.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Bytes without a pattern that a shift would not show (xorshift64).
pub(crate) fn noise(count: usize, seed: u64) -> Arc<Vec<u8>> {
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(count + 8);
    while bytes.len() < count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(count);
    Arc::new(bytes)
}
