//! A hub of ours that behaves like Hugging Face: an API with pages, redirects of files to another origin,
//! ranges, `ETag`s, gated and missing repositories; and connections that break where a test wants it.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use loadmaster_models::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// The one commit of every repository.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Entries on each page of a list of files.
const PAGE: usize = 2;

/// A repository.
#[derive(Debug, Clone, Default)]
pub(crate) struct Repository {
    pub(crate) files: BTreeMap<String, Arc<Vec<u8>>>,
    /// Lets in those with this token.
    pub(crate) gate: Option<String>,
    pub(crate) licence: Option<String>,
    /// Length that the list of files claims for each of them.
    pub(crate) claims: Option<u64>,
}

/// What breaks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// Of the answers with more than so many bytes of a file, the first and every so many end early.
    pub(crate) cut_every: Option<usize>,
    /// After so many bytes of the file.
    pub(crate) cut_after: usize,
    /// The first byte of every answer of weights is wrong.
    pub(crate) wrong: bool,
    /// There is a pause after every 16 KiB.
    pub(crate) slow: bool,
    /// Once so many bytes of files were sent, no more are until this is another.
    pub(crate) hold_at: Option<u64>,
    /// The content network ends every connection without a word.
    pub(crate) down: bool,
}

#[derive(Debug, Default)]
struct State {
    repositories: Mutex<BTreeMap<String, Repository>>,
    faults: Mutex<Faults>,
    /// Heads of all requests, at the hub and at its content network.
    heads: Mutex<(Vec<String>, Vec<String>)>,
    /// Answers that could have been cut.
    answers: AtomicUsize,
    /// Answers that ended early.
    cuts: AtomicUsize,
    /// Bytes of files that were sent.
    sent: AtomicU64,
}

/// The hub and its content network. Both go with the runtime of the test.
#[derive(Debug, Clone)]
pub(crate) struct TestHub {
    hub: SocketAddr,
    state: Arc<State>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TestHub {
    pub(crate) async fn start() -> Self {
        let state = Arc::new(State::default());
        let network = serve(state.clone(), None).await;
        let hub = serve(state.clone(), Some(network)).await;
        Self { hub, state }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.hub)
    }

    /// Adds a repository of these files.
    pub(crate) fn add(&self, repo: &str, files: &[(String, Vec<u8>)]) {
        let files = files.iter().map(|(name, bytes)| (name.clone(), Arc::new(bytes.clone()))).collect();
        let repository = Repository { files, licence: Some("apache-2.0".into()), ..Repository::default() };
        lock(&self.state.repositories).insert(repo.to_owned(), repository);
    }

    pub(crate) fn change(&self, repo: &str, change: impl FnOnce(&mut Repository)) {
        change(lock(&self.state.repositories).get_mut(repo).expect("it was added"));
    }

    pub(crate) fn break_by(&self, faults: Faults) {
        *lock(&self.state.faults) = faults;
        self.state.answers.store(0, Ordering::SeqCst);
    }

    /// Bytes of files that were sent since this was last asked.
    pub(crate) fn sent(&self) -> u64 {
        self.state.sent.swap(0, Ordering::SeqCst)
    }

    /// Answers that ended early since this was last asked.
    pub(crate) fn cuts(&self) -> usize {
        self.state.cuts.swap(0, Ordering::SeqCst)
    }

    /// Heads of requests at the hub, and at its content network.
    pub(crate) fn heads(&self) -> (Vec<String>, Vec<String>) {
        lock(&self.state.heads).clone()
    }
}

/// Serves the hub, or the content network if no network is given.
async fn serve(state: Arc<State>, network: Option<SocketAddr>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let address = listener.local_addr().expect("it listens");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connection(stream, state.clone(), address, network));
        }
    });
    address
}

async fn connection(mut stream: TcpStream, state: Arc<State>, own: SocketAddr, network: Option<SocketAddr>) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else { return };
            head.push(byte);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let go_on = if let Some(network) = network {
            lock(&state.heads).0.push(head.clone());
            let answer = hub_answer(&state, &head, &path, own, network);
            stream.write_all(answer.as_bytes()).await.is_ok()
        } else {
            lock(&state.heads).1.push(head.clone());
            file_answer(&mut stream, &state, &head, &path).await
        };
        if !go_on {
            return;
        }
    }
}

fn answer(status: &str, head: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{head}content-length: {}\r\n\r\n{body}", body.len())
}

fn missing(code: &str) -> String {
    answer("401 Unauthorized", &format!("x-error-code: {code}\r\nx-error-message: Not here.\r\n"), "")
}

fn decoded(text: &str) -> String {
    text.replace("%20", " ").replace("%2F", "/")
}

/// The API, and redirects of files.
fn hub_answer(state: &State, head: &str, path: &str, own: SocketAddr, network: SocketAddr) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let repositories = lock(&state.repositories);
    if let Some(rest) = path.strip_prefix("/api/models/") {
        let mut parts = rest.splitn(4, '/');
        let repo = format!("{}/{}", parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let (what, revision) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let Some(repository) = repositories.get(&repo) else { return missing("RepoNotFound") };
        if !["main", "v1", COMMIT].contains(&revision) {
            return answer("404 Not Found", "x-error-code: RevisionNotFound\r\n", "");
        }
        return match what {
            "revision" => answer("200 OK", "", &info(&repo, repository)),
            _ => tree(repository, path, query, own),
        };
    }
    let mut parts = path.trim_start_matches('/').splitn(5, '/');
    let repo = format!("{}/{}", parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let file = decoded(parts.nth(2).unwrap_or_default());
    let Some(repository) = repositories.get(&repo) else { return missing("RepoNotFound") };
    let is_let_in = |token: &String| head.contains(&format!("authorization: Bearer {token}\r\n"));
    if repository.gate.as_ref().is_some_and(|token| !is_let_in(token)) {
        return missing("GatedRepo");
    }
    let Some(bytes) = repository.files.get(&file) else {
        return answer("404 Not Found", "x-error-code: EntryNotFound\r\n", "");
    };
    let hash = Sha256::of(bytes);
    let place = file.replace(' ', "%20");
    let head = format!(
        "location: http://{network}/{repo}/{place}?sig=secret\r\nx-repo-commit: {COMMIT}\r\n\
         x-linked-size: {}\r\nx-linked-etag: \"{hash}\"\r\n",
        bytes.len()
    );
    answer("302 Found", &head, "")
}

fn info(repo: &str, repository: &Repository) -> String {
    let gated = if repository.gate.is_some() { "\"manual\"" } else { "false" };
    let card = repository.licence.as_ref().map_or_else(String::new, |name| format!(r#""license":"{name}""#));
    format!(r#"{{"id":"{repo}","sha":"{COMMIT}","gated":{gated},"tags":["gguf"],"cardData":{{{card}}}}}"#)
}

fn tree(repository: &Repository, path: &str, query: &str, own: SocketAddr) -> String {
    let start: usize = query.split("cursor=").nth(1).and_then(|at| at.parse().ok()).unwrap_or(0);
    let mut entries = vec![r#"{"type":"directory","path":"folder","oid":"0","size":0}"#.to_owned()];
    for (name, bytes) in &repository.files {
        let size = repository.claims.unwrap_or(bytes.len() as u64);
        let mut entry = format!(r#"{{"type":"file","path":"{name}","size":{size},"oid":"0""#);
        // As on the hub, small text files have no hash of their own.
        if name != "README.md" {
            let hash = Sha256::of(bytes);
            let _ = write!(entry, r#","lfs":{{"oid":"{hash}","size":{size},"pointerSize":135}}"#);
        }
        entries.push(entry + "}");
    }
    let end = (start + PAGE).min(entries.len());
    let link = if end < entries.len() {
        format!("link: <http://{own}{path}?recursive=true&cursor={end}>; rel=\"next\"\r\n")
    } else {
        String::new()
    };
    answer("200 OK", &link, &format!("[{}]", entries[start..end].join(",")))
}

/// A range of a file; `false` if the connection ends with it.
async fn file_answer(stream: &mut TcpStream, state: &State, head: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default().trim_start_matches('/');
    let mut parts = path.splitn(3, '/');
    let repo = format!("{}/{}", parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let name = decoded(parts.next().unwrap_or_default());
    let found =
        lock(&state.repositories).get(&repo).and_then(|repository| repository.files.get(&name).cloned());
    let Some(bytes) = found else {
        return stream.write_all(answer("404 Not Found", "", "").as_bytes()).await.is_ok();
    };
    let range = head.split("range: bytes=").nth(1).and_then(|rest| rest.lines().next()?.split_once('-'));
    let (first, last) = range.map_or((0, bytes.len() - 1), |(first, last)| {
        (first.parse().unwrap_or(0), last.parse().unwrap_or(usize::MAX).min(bytes.len() - 1))
    });
    let etag = Sha256::of(&bytes);
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\netag: \"{etag}\"\r\ncontent-range: bytes {first}-{last}/{}\r\n\
         content-length: {}\r\n\r\n",
        bytes.len(),
        last + 1 - first
    );
    if lock(&state.faults).down || stream.write_all(head.as_bytes()).await.is_err() {
        return false;
    }
    let faults = *lock(&state.faults);
    let mut body = bytes[first..=last].to_vec();
    if faults.wrong && first > 0 {
        body[0] ^= 1;
    }
    let is_due = |every| state.answers.fetch_add(1, Ordering::SeqCst).is_multiple_of(every);
    let cut = body.len() > faults.cut_after && faults.cut_every.is_some_and(is_due);
    if cut {
        body.truncate(faults.cut_after);
        state.cuts.fetch_add(1, Ordering::SeqCst);
    }
    for piece in body.chunks(16 * 1024) {
        let holds = || {
            let at = lock(&state.faults).hold_at;
            at.is_some_and(|at| state.sent.load(Ordering::SeqCst) >= at)
        };
        while holds() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        if lock(&state.faults).down {
            return false;
        }
        if stream.write_all(piece).await.is_err() {
            return false;
        }
        state.sent.fetch_add(piece.len() as u64, Ordering::SeqCst);
        if faults.slow {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }
    !cut
}
