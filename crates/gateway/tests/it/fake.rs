//! A fake model server, and a backend that "starts" it.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::Router;
use loadmaster_core::{
    Backend, BackendError, Device, DeviceEstimate, DeviceId, DeviceKind, Endpoint, Estimate, EstimateSource,
    ExitSender, ExitSignal, Failure, FailureReason, Health, Instance, InstanceId, Kept, LaunchPlan,
    LoadRequest, Machine, Model, ModelKind, Registry,
};
use loadmaster_orchestrator::{MachineReader, Orchestrator, OrchestratorError, Policy};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::AbortHandle,
};

/// The memory of the machine, in bytes.
pub(crate) const TOTAL: u64 = 1 << 30;

/// The key that instances want of the gateway.
pub(crate) const KEY: &str = "key";

/// What a start of the server does after the body of an answer.
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
    /// The same, with the head of its answer sent.
    DiesBehindTheHead(Failure),
    /// The same, and takes its time with the first byte of the body: longer than a client is left without a word.
    DiesSlowly(Failure),
    /// Ends it properly, and closes the connection under the next request, unless it was asked to close it.
    /// So does llama-server behind a stream.
    WholeAndCloses,
    /// Keeps the connection open until the other side leaves.
    Never,
    /// The same, and sends nothing.
    Silent,
    /// Is dead before it hears a request, which is known a moment later.
    Stillborn(Failure),
}

/// What all starts have in common.
#[derive(Debug)]
struct Script {
    content_type: &'static str,
    body: String,
    /// Of each start; the last one goes on.
    endings: Vec<Ending>,
    starts: AtomicUsize,
    left: Notify,
    /// All requests as they came.
    heard: Mutex<Vec<String>>,
}

#[derive(Debug)]
struct Fake {
    script: Arc<Script>,
    running: Mutex<HashMap<InstanceId, (Arc<ExitSender>, AbortHandle)>>,
}

/// The fake server, behind an orchestrator with the one model `fake`.
pub(crate) struct FakeServer {
    orchestrator: Orchestrator,
    script: Arc<Script>,
}

impl FakeServer {
    /// Answers every request with `body` of the type `content_type`, and then does what `ending` says.
    pub(crate) async fn start(content_type: &'static str, body: &str, ending: Ending) -> Self {
        Self::started(content_type, body, &[ending], Policy::default()).await
    }

    /// Each start has an ending of its own, and the orchestrator a policy.
    pub(crate) async fn started(
        content_type: &'static str,
        body: &str,
        endings: &[Ending],
        policy: Policy,
    ) -> Self {
        let script = Arc::new(Script {
            content_type,
            body: body.to_owned(),
            endings: endings.to_vec(),
            starts: AtomicUsize::new(0),
            left: Notify::new(),
            heard: Mutex::default(),
        });
        let backend = Arc::new(Fake { script: Arc::clone(&script), running: Mutex::default() });
        let registry = Registry::empty().with(backend).unwrap();
        let orchestrator = Orchestrator::new(registry, Arc::new(FixedMachine), policy);
        let server = Self { orchestrator, script };
        server.add("fake").await;
        server
    }

    /// Adds another model. Each takes more than half of the machine.
    pub(crate) async fn add(&self, model: &str) {
        let model = Model::from_file(ModelKind::Text, format!("{model}.gguf"));
        self.orchestrator.add(LoadRequest::new(model)).await.unwrap();
    }

    pub(crate) fn router(&self) -> Router {
        loadmaster_gateway::router(self.orchestrator.clone())
    }

    pub(crate) fn orchestrator(&self) -> &Orchestrator {
        &self.orchestrator
    }

    /// The latest request that the server heard.
    pub(crate) fn heard(&self) -> String {
        self.script.heard.lock().unwrap().last().cloned().unwrap_or_default()
    }

    /// How many requests it heard, over all starts.
    pub(crate) fn count(&self) -> usize {
        self.script.heard.lock().unwrap().len()
    }

    /// How often it was started.
    pub(crate) fn starts(&self) -> usize {
        self.script.starts.load(Relaxed)
    }

    /// Waits until the other side has left a connection.
    pub(crate) async fn left(&self) {
        self.script.left.notified().await;
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

async fn serve(listener: TcpListener, script: Arc<Script>, ending: Ending, exit: Arc<ExitSender>) {
    while let Ok((stream, _)) = listener.accept().await {
        answer(stream, &script, &ending, &exit).await;
        script.left.notify_one();
    }
}

async fn answer(mut stream: TcpStream, script: &Script, ending: &Ending, exit: &Arc<ExitSender>) {
    let mut buffer = [0; 4096];
    // The requests of these tests are small: one read has all of it.
    let read = stream.read(&mut buffer).await.unwrap();
    let request = String::from_utf8_lossy(&buffer[..read]).into_owned();
    let closes = request.to_ascii_lowercase().contains("connection: close\r\n");
    let connection = if closes { "connection: close\r\n" } else { "" };
    script.heard.lock().unwrap().push(request);
    let dies = |failure: &Failure| tell_soon(Arc::clone(exit), failure.clone());
    let Script { content_type, body, .. } = script;
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\naccess-control-allow-origin: *\r\n\
         {connection}transfer-encoding: chunked\r\n\r\n"
    );
    match ending {
        Ending::DiesUnanswered(failure) => return dies(failure),
        Ending::DiesBehindTheHead(failure) => {
            stream.write_all(head.as_bytes()).await.unwrap();
            return dies(failure);
        }
        Ending::DiesSlowly(failure) => {
            stream.write_all(head.as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1200)).await;
            return dies(failure);
        }
        Ending::Silent => {
            while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
            return;
        }
        _ => {}
    }
    stream.write_all(format!("{head}{:x}\r\n{body}\r\n", body.len()).as_bytes()).await.unwrap();
    match ending {
        Ending::Whole => stream.write_all(b"0\r\n\r\n").await.unwrap(),
        Ending::WholeAndCloses => {
            stream.write_all(b"0\r\n\r\n").await.unwrap();
            if !closes {
                let _ = stream.read(&mut buffer).await;
            }
        }
        Ending::Never => while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {},
        Ending::Dies(failure) => dies(failure),
        _ => {}
    }
}

/// What listens at `address`, without a process.
pub(crate) fn instance(
    id: InstanceId,
    plan: Arc<LaunchPlan>,
    address: SocketAddr,
    exit: ExitSignal,
) -> Instance {
    Instance {
        id,
        plan,
        endpoint: Endpoint::Tcp { address, api_key: KEY.to_owned() },
        pid: None,
        measured: None,
        // One request at a time: the others wait outside.
        slots: Some(1),
        restored: Kept::default(),
        exit,
    }
}

/// Ready until its end was told.
pub(crate) fn health(instance: &Instance) -> Health {
    if instance.exit.now().is_some() { Health::Dead } else { Health::Ready }
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
        let host = DeviceEstimate { weights: TOTAL / 2 + 1, ..DeviceEstimate::on(DeviceId::host()) };
        Ok(Estimate { source: EstimateSource::Computed, margin_percent: 0, devices: vec![host] })
    }

    async fn start(&self, id: InstanceId, plan: Arc<LaunchPlan>) -> Result<Instance, BackendError> {
        let script = &self.script;
        let ending = script.endings.get(script.starts.fetch_add(1, Relaxed)).or(script.endings.last());
        let ending = ending.expect("a script has an ending").clone();
        let (exit, signal) = ExitSignal::new();
        let exit = Arc::new(exit);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut address = listener.local_addr().unwrap();
        if let Ending::Stillborn(failure) = &ending {
            // Nobody listens on the lowest port.
            address.set_port(1);
            tell_soon(Arc::clone(&exit), failure.clone());
        }
        let serves = tokio::spawn(serve(listener, Arc::clone(script), ending, Arc::clone(&exit)));
        self.running.lock().unwrap().insert(id.clone(), (exit, serves.abort_handle()));
        Ok(instance(id, plan, address, signal))
    }

    async fn stop(&self, instance: &Instance, _: Duration) -> Result<(), BackendError> {
        if let Some((exit, serves)) = self.running.lock().unwrap().remove(&instance.id) {
            serves.abort();
            exit.send(Failure::new(FailureReason::Stopped));
        }
        Ok(())
    }

    async fn health(&self, instance: &Instance) -> Health {
        health(instance)
    }
}

/// A machine with [`TOTAL`] and nothing else on it.
#[derive(Debug)]
pub(crate) struct FixedMachine;

#[async_trait]
impl MachineReader for FixedMachine {
    async fn read(&self) -> Result<Machine, OrchestratorError> {
        let host = Device {
            id: DeviceId::host(),
            name: "RAM".to_owned(),
            kind: DeviceKind::Host,
            aliases: Vec::new(),
            total: TOTAL,
            free: Some(TOTAL),
        };
        Ok(Machine { physical_cores: 1, usable_threads: 1, devices: vec![host], hypothetical: false })
    }
}
