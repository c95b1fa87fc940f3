//! A fake model server, and a backend that "starts" it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use axum::Router;
use loadmaster_core::{
    Backend, BackendError, Device, DeviceId, DeviceKind, Endpoint, Estimate, ExitSender, ExitSignal, Failure,
    Health, Instance, InstanceId, Kept, LaunchPlan, LoadRequest, Machine, Model, ModelKind, Registry,
};
use loadmaster_orchestrator::{MachineReader, Orchestrator, OrchestratorError, Policy};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// What the server does after its body.
#[derive(Debug, Clone)]
pub(crate) enum Ending {
    /// Ends it properly.
    Whole,
    /// Closes the connection, and lives.
    Breaks,
    /// Closes the connection, and is dead a moment later.
    Dies(Failure),
    /// The same, before it sent a byte.
    DiesUnanswered(Failure),
    /// Ends it properly, and closes the connection under the next request, unless it was asked to close it.
    /// So does llama-server behind a stream.
    WholeAndCloses,
    /// Keeps the connection open until the other side leaves.
    Never,
    /// Ends it properly; but the first start is dead before it hears a request, which is known a moment
    /// later.
    WholeOnceRestarted(Failure),
}

#[derive(Debug)]
struct Fake {
    address: SocketAddr,
    signal: ExitSignal,
    /// Why the first start is dead, until there is one.
    stillborn: Mutex<Option<Failure>>,
}

/// The fake server, behind an orchestrator with the one model `fake`.
pub(crate) struct FakeServer {
    orchestrator: Orchestrator,
    left: Arc<Notify>,
    /// The latest request as it came.
    latest: Arc<Mutex<String>>,
}

impl FakeServer {
    /// Answers every request with `body` of the type `content_type`, and then does what `ending` says.
    pub(crate) async fn start(content_type: &'static str, body: &str, ending: Ending) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (exit, signal) = ExitSignal::new();
        let dies = Arc::new(exit);
        let left = Arc::new(Notify::new());
        let latest = Arc::new(Mutex::default());
        let (leaves, body, hearing) = (Arc::clone(&left), body.to_owned(), Arc::clone(&latest));
        let stillborn = match &ending {
            Ending::WholeOnceRestarted(failure) => Some(failure.clone()),
            _ => None,
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                answer(stream, content_type, &body, &ending, &dies, &hearing).await;
                leaves.notify_one();
            }
        });
        let backend = Arc::new(Fake { address, signal, stillborn: Mutex::new(stillborn) });
        let registry = Registry::empty().with(backend).unwrap();
        let orchestrator = Orchestrator::new(registry, Arc::new(FixedMachine), Policy::default());
        orchestrator.add(LoadRequest::new(Model::from_file(ModelKind::Text, "fake.gguf"))).await.unwrap();
        Self { orchestrator, left, latest }
    }

    pub(crate) fn router(&self) -> Router {
        loadmaster_gateway::router(self.orchestrator.clone())
    }

    pub(crate) fn orchestrator(&self) -> &Orchestrator {
        &self.orchestrator
    }

    /// The latest request that the server heard.
    pub(crate) fn heard(&self) -> String {
        self.latest.lock().unwrap().clone()
    }

    /// Waits until the other side has left a connection.
    pub(crate) async fn left(&self) {
        self.left.notified().await;
    }

    pub(crate) async fn wait_for_leases(&self, count: usize) {
        let patience = Duration::from_secs(5);
        let reached = async {
            while self.leases().await != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(patience, reached).await.unwrap_or_else(|_| panic!("never {count} leases"));
    }

    async fn leases(&self) -> usize {
        let status = self.orchestrator.status().await.unwrap();
        status.models[0].instance.as_ref().map_or(0, |instance| instance.leases)
    }
}

/// A death is known a moment after the connection broke.
fn tell_soon(exit: Arc<ExitSender>, failure: Failure) {
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        exit.send(failure);
    });
}

async fn answer(
    mut stream: TcpStream,
    content_type: &str,
    body: &str,
    ending: &Ending,
    exit: &Arc<ExitSender>,
    latest: &Mutex<String>,
) {
    let mut buffer = [0; 4096];
    // The requests of these tests are small: one read has all of it.
    let read = stream.read(&mut buffer).await.unwrap();
    let request = String::from_utf8_lossy(&buffer[..read]).into_owned();
    let closes = request.to_ascii_lowercase().contains("connection: close\r\n");
    let connection = if closes { "connection: close\r\n" } else { "" };
    *latest.lock().unwrap() = request;
    let dies = |failure: &Failure| tell_soon(Arc::clone(exit), failure.clone());
    if let Ending::DiesUnanswered(failure) = ending {
        return dies(failure);
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\naccess-control-allow-origin: *\r\n\
         {connection}transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    match ending {
        Ending::Whole | Ending::WholeOnceRestarted(_) => stream.write_all(b"0\r\n\r\n").await.unwrap(),
        Ending::WholeAndCloses => {
            stream.write_all(b"0\r\n\r\n").await.unwrap();
            if !closes {
                let _ = stream.read(&mut buffer).await;
            }
        }
        Ending::Never => while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {},
        Ending::Dies(failure) => dies(failure),
        Ending::Breaks | Ending::DiesUnanswered(_) => {}
    }
}

#[async_trait]
impl Backend for Fake {
    fn id(&self) -> &'static str {
        "fake"
    }

    fn supports(&self, _: &Model) -> bool {
        true
    }

    async fn plan(&self, request: &LoadRequest, _: &Machine) -> Result<LaunchPlan, BackendError> {
        Ok(LaunchPlan::new(self.id(), request.model.clone()))
    }

    async fn estimate_resources(&self, _: &LaunchPlan) -> Result<Estimate, BackendError> {
        Ok(Estimate::nothing())
    }

    async fn start(&self, id: InstanceId, plan: Arc<LaunchPlan>) -> Result<Instance, BackendError> {
        let (mut address, mut exit) = (self.address, self.signal.clone());
        let stillborn = self.stillborn.lock().unwrap().take();
        if let Some(failure) = stillborn {
            let (sender, signal) = ExitSignal::new();
            // Nobody listens on the lowest port.
            (address, exit) = (SocketAddr::from(([127, 0, 0, 1], 1)), signal);
            tell_soon(Arc::new(sender), failure);
        }
        let endpoint = Endpoint::Tcp { address, api_key: "key".to_owned() };
        Ok(Instance {
            id,
            plan,
            endpoint,
            pid: None,
            measured: None,
            // One request at a time: the others wait outside.
            slots: Some(1),
            restored: Kept::default(),
            exit,
        })
    }

    async fn stop(&self, _: &Instance, _: Duration) -> Result<(), BackendError> {
        Ok(())
    }

    async fn health(&self, _: &Instance) -> Health {
        match self.signal.now() {
            Some(_) => Health::Dead,
            None => Health::Ready,
        }
    }
}

#[derive(Debug)]
struct FixedMachine;

#[async_trait]
impl MachineReader for FixedMachine {
    async fn read(&self) -> Result<Machine, OrchestratorError> {
        let host = Device {
            id: DeviceId::host(),
            name: "RAM".to_owned(),
            kind: DeviceKind::Host,
            aliases: Vec::new(),
            total: 1 << 30,
            free: Some(1 << 30),
        };
        Ok(Machine { physical_cores: 1, usable_threads: 1, devices: vec![host], hypothetical: false })
    }
}
