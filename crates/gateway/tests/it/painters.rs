//! A backend whose instances are painters of plain colours, each on a thread and a runtime of its own: ending one
//! breaks its connections, as the end of a process does.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use async_trait::async_trait;
use axum::{
    Router,
    body::Body,
    http::{Request, Response, StatusCode},
};
use http_body_util::BodyExt;
use loadmaster_core::{
    Backend, BackendError, DeviceEstimate, DeviceId, Estimate, EstimateSource, ExitSender, ExitSignal,
    Failure, FailureReason, Health, Instance, InstanceId, LaunchPlan, LoadRequest, Machine, Model, ModelKind,
    Registry,
};
use loadmaster_gateway::{JobsOptions, Options};
use loadmaster_images::{Limits, guarded, router};
use loadmaster_orchestrator::{Orchestrator, Policy};
use serde_json::Value;
use tokio::{net::TcpListener, sync::oneshot};
use tower::ServiceExt;

use super::{
    fake::{FixedMachine, KEY, health, instance},
    plain_colour::PlainColour,
};

/// The largest image of a model that was given no `pixels`.
const NATIVE: u64 = 256 * 256;

/// What each pixel takes, in bytes: 1024 x 1024 are all of the machine.
const BYTES_PER_PIXEL: u64 = 1 << 10;

#[derive(Debug)]
struct Running {
    exit: ExitSender,
    /// Dropped, it ends the thread.
    _stop: oneshot::Sender<()>,
}

#[derive(Debug, Default)]
pub(crate) struct Painters {
    step: Duration,
    begun: Mutex<Vec<Arc<PlainColour>>>,
    running: Mutex<HashMap<InstanceId, Running>>,
    starts: AtomicUsize,
}

/// The gateway before models of images, and one of text.
pub(crate) struct Studio {
    pub(crate) orchestrator: Orchestrator,
    pub(crate) painters: Arc<Painters>,
    pub(crate) router: Router,
}

impl Studio {
    /// Each step of a painting takes so long. Jobs are kept as `jobs` say.
    pub(crate) async fn open(step: Duration, jobs: Option<JobsOptions>) -> Self {
        let painters = Arc::new(Painters { step, ..Painters::default() });
        let registry = Registry::empty().with(Arc::clone(&painters) as _).unwrap();
        let orchestrator = Orchestrator::new(registry, Arc::new(FixedMachine), Policy::default());
        for (kind, file) in [(ModelKind::Image, "colour.safetensors"), (ModelKind::Text, "words.gguf")] {
            orchestrator.add(LoadRequest::new(Model::from_file(kind, file))).await.unwrap();
        }
        let options = jobs.map_or_else(Options::default, |jobs| Options::default().with_jobs(jobs));
        let router = loadmaster_gateway::router_with(orchestrator.clone(), options).unwrap();
        Self { orchestrator, painters, router }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response<Body> {
        let Ok(answer) = self.router.clone().oneshot(request).await;
        answer
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response<Body> {
        self.send(Request::post(path).body(Body::from(body.to_string())).unwrap()).await
    }

    /// The status and the JSON of an answer.
    pub(crate) async fn json(&self, method: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path);
        let answer = self.send(request.body(Body::from(body.to_string())).unwrap()).await;
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }
}

impl Painters {
    /// How many images are painted now, over all instances.
    pub(crate) fn painting(&self) -> usize {
        self.begun.lock().unwrap().iter().map(|painter| painter.painting.load(SeqCst)).sum()
    }

    /// How many requests were painted to their end.
    pub(crate) fn painted(&self) -> usize {
        self.begun.lock().unwrap().iter().map(|painter| painter.painted.load(SeqCst)).sum()
    }

    pub(crate) fn starts(&self) -> usize {
        self.starts.load(SeqCst)
    }

    /// Ends all instances as a crash does.
    pub(crate) fn crash(&self) {
        let running = std::mem::take(&mut *self.running.lock().unwrap());
        for Running { exit, .. } in running.into_values() {
            exit.send(Failure::new(FailureReason::Signal { name: "SIGSEGV".to_owned() }));
        }
    }
}

/// Waits until it has come to something.
pub(crate) async fn until(reached: impl Fn() -> bool) {
    let waits = async {
        while !reached() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waits).await.expect("it never came to that");
}

/// Serves until the other end of `stop` is dropped, and breaks all connections then.
fn serve(listener: std::net::TcpListener, painter: Arc<PlainColour>, stop: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async move {
        let listener = TcpListener::from_std(listener).unwrap();
        let router = guarded(router(painter), KEY);
        tokio::select! {
            _ = axum::serve(listener, router) => {}
            _ = stop => {}
        }
    });
}

#[async_trait]
impl Backend for Painters {
    fn id(&self) -> &'static str {
        "painters"
    }

    fn supports(&self, _: &Model) -> bool {
        true
    }

    async fn plan(&self, request: &LoadRequest, _: &Machine) -> Result<LaunchPlan, BackendError> {
        let mut plan = LaunchPlan::new(self.id(), request.model.clone());
        let bad = |value: &Value| BackendError::BadSetting {
            name: "pixels".to_owned(),
            value: value.to_string(),
            expected: "a number".to_owned(),
        };
        let pixels = request.settings.get("pixels");
        let pixels = pixels.map_or(Ok(NATIVE), |pixels| pixels.as_u64().ok_or_else(|| bad(pixels)))?;
        plan.settings.insert("pixels".to_owned(), pixels.into());
        let edits = request.settings.get("edits").is_some_and(|edits| *edits == true);
        plan.settings.insert("edits".to_owned(), edits.into());
        Ok(plan)
    }

    async fn estimate_resources(&self, plan: &LaunchPlan) -> Result<Estimate, BackendError> {
        let compute = plan.settings["pixels"].as_u64().unwrap() * BYTES_PER_PIXEL;
        let host = DeviceEstimate { compute, ..DeviceEstimate::on(DeviceId::host()) };
        Ok(Estimate { source: EstimateSource::Computed, margin_percent: 0, devices: vec![host] })
    }

    async fn start(&self, id: InstanceId, plan: Arc<LaunchPlan>) -> Result<Instance, BackendError> {
        self.starts.fetch_add(1, SeqCst);
        let limits = Limits { max_pixels: plan.settings["pixels"].as_u64().unwrap(), ..Limits::default() };
        let painter = Arc::new(PlainColour { limits, step: self.step, ..PlainColour::default() });
        self.begun.lock().unwrap().push(Arc::clone(&painter));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        thread::spawn(move || serve(listener, painter, stopped));
        let (exit, signal) = ExitSignal::new();
        self.running.lock().unwrap().insert(id.clone(), Running { exit, _stop: stop });
        Ok(instance(id, plan, address, signal))
    }

    async fn stop(&self, instance: &Instance, _: Duration) -> Result<(), BackendError> {
        if let Some(Running { exit, .. }) = self.running.lock().unwrap().remove(&instance.id) {
            exit.send(Failure::new(FailureReason::Stopped));
        }
        Ok(())
    }

    async fn health(&self, instance: &Instance) -> Health {
        health(instance)
    }
}
