//! A fake of a model hub: it answers as the real ones do, and fails at the byte that a test chooses.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    net::{Shutdown, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Bytes that are sent at a time. Small, so that little is sent to a client that has gone.
const PIECE: u64 = 16 * 1024;

/// What a client asked.
#[derive(Debug, Clone)]
pub(in crate::command) struct Request {
    /// Path and query.
    pub(in crate::command) path: String,
    /// By their names in lower case.
    pub(in crate::command) headers: BTreeMap<String, String>,
}

impl Request {
    /// First and last byte of the range that is asked for.
    pub(in crate::command) fn range(&self) -> Option<(u64, u64)> {
        let (first, last) = self.headers.get("range")?.strip_prefix("bytes=")?.split_once('-')?;
        Some((first.parse().ok()?, last.parse().ok()?))
    }

    pub(in crate::command) fn token(&self) -> Option<&str> {
        self.headers.get("authorization")?.strip_prefix("Bearer ")
    }
}

/// Where the bytes of an answer come from.
#[derive(Debug, Clone)]
enum Content {
    Text(String),
    /// So many bytes of a file, from an offset on.
    File(PathBuf, u64, u64),
}

/// What the hub does after some bytes of a body.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::command) enum Fault {
    /// Closes the connection.
    Cut,
    /// Sends nothing more, and keeps the connection.
    Stall,
}

/// An answer.
#[derive(Debug, Clone)]
pub(in crate::command) struct Reply {
    status: u16,
    headers: BTreeMap<String, String>,
    content: Content,
    fault: Option<(u64, Fault)>,
}

impl Reply {
    /// A text.
    pub(in crate::command) fn text(status: u16, text: &str) -> Self {
        let mut reply =
            Self { status, headers: BTreeMap::new(), content: Content::Text(text.to_owned()), fault: None };
        reply.headers.insert("content-length".to_owned(), text.len().to_string());
        reply
    }

    /// A redirect, as to a content network.
    pub(in crate::command) fn redirect(to: &str) -> Self {
        Self::text(302, "Found").header("location", to)
    }

    /// The range of `file` that is asked for, as it should be.
    pub(in crate::command) fn range(file: &Path, request: &Request) -> Self {
        let length = file.metadata().expect("the file is there").len();
        let Some((first, last)) = request.range() else { return Self::whole(file) };
        if first >= length {
            return Self::text(416, "").header("content-range", &format!("bytes */{length}"));
        }
        let last = last.min(length - 1);
        let count = last - first + 1;
        let mut reply = Self::text(206, "")
            .header("content-range", &format!("bytes {first}-{last}/{length}"))
            .header("content-length", &count.to_string());
        reply.content = Content::File(file.to_owned(), first, count);
        reply
    }

    /// The whole of `file`, as from a server without ranges.
    pub(in crate::command) fn whole(file: &Path) -> Self {
        let length = file.metadata().expect("the file is there").len();
        let mut reply = Self::text(200, "").header("content-length", &length.to_string());
        reply.content = Content::File(file.to_owned(), 0, length);
        reply
    }

    /// Sets a header, whatever it was.
    pub(in crate::command) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Fails after so many bytes of the body.
    pub(in crate::command) fn fails(mut self, after: u64, fault: Fault) -> Self {
        self.fault = Some((after, fault));
        self
    }

    fn head(&self) -> String {
        let headers = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        format!("HTTP/1.1 {} Fake\r\n{}\r\n", self.status, headers.collect::<String>())
    }

    fn body(&self) -> Box<dyn Read> {
        match &self.content {
            Content::Text(text) => Box::new(io::Cursor::new(text.clone().into_bytes())),
            Content::File(path, first, count) => {
                let mut file = File::open(path).expect("the file is there");
                file.seek(SeekFrom::Start(*first)).expect("it can be read from anywhere");
                Box::new(file.take(*count))
            }
        }
    }
}

type Answer = dyn Fn(&Request) -> Reply + Send + Sync;

/// What the hub has seen and sent.
#[derive(Debug, Default)]
struct Log {
    requests: Vec<Request>,
    body_bytes: u64,
}

/// A running hub on a port of 127.0.0.1. Its threads end with the test's process.
pub(in crate::command) struct FakeHub {
    address: SocketAddr,
    scheme: &'static str,
    log: Arc<Mutex<Log>>,
}

impl FakeHub {
    /// A hub that answers with `answer`.
    pub(in crate::command) fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(None, answer)
    }

    /// The same over TLS.
    pub(in crate::command) fn start_tls(
        config: ServerConfig,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::listen(Some(Arc::new(config)), answer)
    }

    fn listen(
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
        let address = listener.local_addr().expect("it listens");
        let (log, answer): (Arc<Mutex<Log>>, Arc<Answer>) = (Arc::default(), Arc::new(answer));
        let hub = Self { address, scheme: if tls.is_some() { "https" } else { "http" }, log: log.clone() };
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (tls, log, answer) = (tls.clone(), log.clone(), answer.clone());
                // A client that goes away in the middle is what many tests are about.
                thread::spawn(move || {
                    let end = connection.try_clone()?;
                    let outcome = match tls {
                        Some(config) => {
                            let session = ServerConnection::new(config).map_err(io::Error::other)?;
                            serve(StreamOwned::new(session, connection), &log, &answer)
                        }
                        None => serve(connection, &log, &answer),
                    };
                    let _ = end.shutdown(Shutdown::Both);
                    outcome
                });
            }
        });
        hub
    }

    /// `http://127.0.0.1:PORT`, followed by `path`.
    pub(in crate::command) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// All that was asked.
    pub(in crate::command) fn requests(&self) -> Vec<Request> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).requests.clone()
    }

    /// Bytes of bodies that were sent, as far as the system took them.
    pub(in crate::command) fn body_bytes(&self) -> u64 {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).body_bytes
    }
}

/// Answers requests of one connection until one of the two ends it.
fn serve<S: Read + Write>(stream: S, log: &Mutex<Log>, answer: &Arc<Answer>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream)? {
        log.lock().unwrap_or_else(PoisonError::into_inner).requests.push(request.clone());
        let reply = answer(&request);
        let connection = stream.get_mut();
        connection.write_all(reply.head().as_bytes())?;
        let limit = reply.fault.map_or(u64::MAX, |(after, _)| after);
        let mut body = reply.body().take(limit);
        loop {
            let mut piece = Vec::new();
            body.by_ref().take(PIECE).read_to_end(&mut piece)?;
            if piece.is_empty() {
                break;
            }
            connection.write_all(&piece)?;
            log.lock().unwrap_or_else(PoisonError::into_inner).body_bytes += piece.len() as u64;
        }
        connection.flush()?;
        match reply.fault {
            Some((_, Fault::Cut)) => return Ok(()),
            // Until the client has had enough.
            Some((_, Fault::Stall)) => return connection.read(&mut [0]).map(drop),
            None => {}
        }
    }
    Ok(())
}

/// The next request; `None` at the end of the connection.
fn read(stream: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let path = lines.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
    let headers = lines.iter().skip(1).filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Ok(Some(Request { path, headers }))
}

/// A certificate for 127.0.0.1 that no system knows, and a server that has it.
pub(in crate::command) fn unknown_certificate() -> (String, ServerConfig) {
    let names = vec!["127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate can be made");
    let key = made.signing_key.serialize_der().try_into().expect("it is a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("the key is the certificate's");
    (made.cert.pem(), config)
}
