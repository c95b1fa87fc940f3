//! Where an instance is asked: its painter over HTTP, in this process. When the instance ends, so do all connections:
//! at once and without an answer where somebody else can answer, or once the last answers are written.

use std::{sync::Arc, time::Duration};

use axum::Router;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use loadmaster_core::{BackendError, Endpoint};
use loadmaster_images::{Painter, guarded, router};
use loadmaster_upstream::Address;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::{mpsc, watch},
};

/// How long the last answers may take to be written.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Closing {
    Open,
    /// No new requests; answers are written to their end.
    Finishing,
    /// All connections are cut.
    Cut,
}

/// An instance's endpoint. Dropping it cuts all connections.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) endpoint: Endpoint,
    closing: Arc<watch::Sender<Closing>>,
    /// Ends when the last connection has.
    connections: tokio::sync::Mutex<mpsc::Receiver<()>>,
}

impl Door {
    /// Listens at `address`, and serves `painter` there.
    pub(crate) async fn open(address: Address, painter: Arc<dyn Painter>) -> Result<Self, BackendError> {
        let refused = |error| BackendError::system("listening for requests for images", error);
        let (closing, closes) = watch::channel(Closing::Open);
        let (alive, connections) = mpsc::channel(1);
        let endpoint = address.endpoint.clone();
        let routes = match &endpoint {
            Endpoint::Tcp { api_key, .. } => guarded(router(painter), api_key),
            Endpoint::Unix { .. } => router(painter),
        };
        let visits = Visits { routes, closes, alive };
        match &endpoint {
            #[cfg(unix)]
            Endpoint::Unix { path } => {
                let listener = tokio::net::UnixListener::bind(path).map_err(refused)?;
                tokio::spawn(
                    visits.accept(address, async move || listener.accept().await.map(|(stream, _)| stream)),
                );
            }
            #[cfg(not(unix))]
            Endpoint::Unix { .. } => {
                return Err(BackendError::system(
                    "listening for requests for images",
                    "there are no Unix sockets here",
                ));
            }
            Endpoint::Tcp { address: at, .. } => {
                let listener = TcpListener::bind(at).await.map_err(refused)?;
                tokio::spawn(
                    visits.accept(address, async move || listener.accept().await.map(|(stream, _)| stream)),
                );
            }
        }
        Ok(Self { endpoint, closing: Arc::new(closing), connections: tokio::sync::Mutex::new(connections) })
    }

    /// Takes no new requests, and lets the answers that are on their way be written.
    pub(crate) async fn finish(&self) {
        self.closing.send_if_modified(|closing| {
            std::mem::replace(closing, (*closing).max(Closing::Finishing)) == Closing::Open
        });
        self.closed().await;
        self.cut();
    }

    /// Waits until there is no connection left, for a bounded time.
    pub(crate) async fn closed(&self) {
        let mut connections = self.connections.lock().await;
        let _ = tokio::time::timeout(LAST_WORDS, connections.recv()).await;
    }

    /// Cuts all connections: whoever has no answer yet can ask again.
    pub(crate) fn cut(&self) {
        self.closing.send_replace(Closing::Cut);
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.cut();
    }
}

/// What every connection needs.
#[derive(Clone)]
struct Visits {
    routes: Router,
    closes: watch::Receiver<Closing>,
    /// Held by each connection.
    alive: mpsc::Sender<()>,
}

impl Visits {
    /// Takes connections until the end begins. `address` lives as long as it listens.
    async fn accept<S>(self, address: Address, mut next: impl AsyncFnMut() -> std::io::Result<S>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut closes = self.closes.clone();
        loop {
            tokio::select! {
                biased;
                () = reached(&mut closes, Closing::Finishing) => break,
                accepted = next() => match accepted {
                    Ok(stream) => {
                        tokio::spawn(self.clone().serve(stream));
                    }
                    Err(error) => {
                        // Too many open files: others may close theirs.
                        tracing::warn!(%error, "a connection could not be taken");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        }
        drop(address);
    }

    async fn serve<S>(self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { routes, mut closes, alive } = self;
        let service = TowerToHyperService::new(routes);
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            _ = &mut connection => return,
            () = reached(&mut closes, Closing::Finishing) => connection.as_mut().graceful_shutdown(),
        }
        tokio::select! {
            biased;
            () = reached(&mut closes, Closing::Cut) => {}
            _ = &mut connection => {}
        }
        drop(alive);
    }
}

/// Waits until the end has come so far; a door that is gone is cut.
async fn reached(closes: &mut watch::Receiver<Closing>, far: Closing) {
    let _ = closes.wait_for(|closing| *closing >= far).await;
}
