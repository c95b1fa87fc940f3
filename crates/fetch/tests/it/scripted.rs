//! A fake server that answers each request with the next line of its script, however wrong.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// A range of `text`, which has the `ETag` "v1".
pub(crate) fn partial(text: &str, first: usize, end: usize) -> String {
    format!(
        "HTTP/1.1 206 X\r\netag: \"v1\"\r\ncontent-range: bytes {first}-{}/{}\r\ncontent-length: {}\r\n\r\n{}",
        end - 1,
        text.len(),
        end - first,
        &text[first..end]
    )
}

/// All of `text`, whatever was asked for.
pub(crate) fn whole(text: &str) -> String {
    format!("HTTP/1.1 200 X\r\ncontent-length: {}\r\n\r\n{text}", text.len())
}

/// The server. It closes each connection after its answer.
pub(crate) struct Script {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Script {
    /// At the end of an answer: the connection stays open and nothing comes.
    pub(crate) const SILENCE: &str = "\u{0}";

    /// A server that gives these answers, one for each connection.
    pub(crate) async fn start(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let address = listener.local_addr().expect("it listens");
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = heads.clone();
        tokio::spawn(async move {
            let mut kept = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().await.expect("a client comes");
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.expect("a request is whole"));
                }
                seen.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(String::from_utf8_lossy(&head).into_owned());
                let text = answer.trim_end_matches(Self::SILENCE);
                // The client may have what it wants already.
                let _ = stream.write_all(text.as_bytes()).await;
                if text.len() < answer.len() {
                    kept.push(stream);
                }
            }
            // Who was left in silence stays there.
            std::future::pending::<()>().await;
            drop(kept);
        });
        Self { address, heads }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The heads of all requests.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
