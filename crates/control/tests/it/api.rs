//! The API of a program without models.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Method, Request, Response},
};
use http_body_util::BodyExt;
use loadmaster_control::{ApiError, ControlState, DaemonLog, From, Logs, Parts, Program, Setting, Unloaded};
use loadmaster_core::{LoadRequest, Model, ModelKind, Registry, async_trait};
use loadmaster_gateway::{JobsOptions, Options, Reloaded};
use loadmaster_models::{Budget, Catalog, Library, ModelsError, Plan, Puller};
use loadmaster_orchestrator::{Orchestrator, Policy, ThisMachine};
use loadmaster_sysprobe::Probe;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

/// A program with one setting that can change, and one that cannot; and with what a test gives it.
#[derive(Debug, Default)]
pub(crate) struct Small {
    pub(crate) turn: Mutex<Option<Value>>,
    pub(crate) puller: Option<Puller>,
    pub(crate) builds: Option<loadmaster_binaries::Library>,
    /// What models lack of memory.
    pub(crate) shortage: Option<String>,
    /// How often the configuration was read again.
    pub(crate) reloads: Arc<AtomicUsize>,
}

#[async_trait]
impl Program for Small {
    async fn builds(&self) -> Result<loadmaster_binaries::Library, ApiError> {
        let none = || ApiError::not_implemented("This program has no builds of servers");
        self.builds.clone().ok_or_else(none)
    }

    async fn puller(&self) -> Result<Puller, ApiError> {
        self.puller.clone().ok_or_else(|| ApiError::not_implemented("This program fetches nothing"))
    }

    async fn budget(&self) -> Result<Budget, ApiError> {
        Ok(Budget { accelerators: 0, host: 64 << 30 })
    }

    async fn shortage(&self, _plan: &Plan, _budget: Budget) -> Result<Option<String>, ApiError> {
        Ok(self.shortage.clone())
    }

    async fn catalog(&self) -> Result<Catalog, ApiError> {
        Ok(Catalog::embedded().unwrap())
    }

    async fn request_of(&self, model: Unloaded) -> Result<Option<LoadRequest>, ApiError> {
        Ok(match model {
            Unloaded::Stored(name) => {
                let library: Option<&Library> = self.puller.as_ref().map(Puller::library);
                match library.map(|library| (library.get(&name), library.root())) {
                    Some((Ok(manifest), root)) => {
                        let path = manifest.main_file(root).unwrap();
                        Some(LoadRequest::new(Model { id: name, kind: ModelKind::Text, path }))
                    }
                    None | Some((Err(ModelsError::NoSuchModel { .. }), _)) => None,
                    Some((Err(error), _)) => panic!("{error}"),
                }
            }
            Unloaded::File(path) => {
                path.is_file().then(|| LoadRequest::new(Model::from_file(ModelKind::Text, path)))
            }
            Unloaded::Fetched { model, .. } => Some(LoadRequest::new(model)),
        })
    }

    async fn reload(&self) -> Result<Reloaded, ApiError> {
        self.reloads.fetch_add(1, Ordering::SeqCst);
        Ok(Reloaded::default())
    }

    fn settings(&self) -> Vec<Setting> {
        let turn = self.turn.lock().unwrap().clone();
        let setting = |name: &str, value, from, can_change| Setting {
            name: name.to_owned(),
            value,
            from,
            can_change,
            help: String::new(),
        };
        vec![
            setting("listen", "here".into(), From::File, false),
            setting(
                "turn",
                turn.clone().unwrap_or(10.into()),
                turn.map_or(From::Default, |_| From::Changed),
                true,
            ),
        ]
    }

    async fn change(&self, changes: BTreeMap<String, Value>) -> Result<(), ApiError> {
        *self.turn.lock().unwrap() = changes.get("turn").cloned();
        Ok(())
    }
}

pub(crate) struct Api {
    pub(crate) router: Router,
    pub(crate) log: DaemonLog,
    pub(crate) home: Arc<TempDir>,
    pub(crate) orchestrator: Orchestrator,
}

impl Api {
    pub(crate) async fn open() -> Self {
        Self::of(Arc::new(tempfile::tempdir().unwrap()), Small::default()).await
    }

    /// The API of this program, whose models are in the folder `models` of its home.
    pub(crate) async fn of(home: Arc<TempDir>, program: Small) -> Self {
        Self::with(home, program, Registry::empty()).await
    }

    /// The same with backends.
    pub(crate) async fn with(home: Arc<TempDir>, program: Small, registry: Registry) -> Self {
        let machine = Arc::new(ThisMachine::new());
        let orchestrator = Orchestrator::new(registry, machine.clone(), Policy::default());
        orchestrator.status().await.unwrap();
        let log = DaemonLog::default();
        let state = ControlState::new(Parts {
            orchestrator: orchestrator.clone(),
            machine,
            probe: Probe::in_this_process(),
            library: Library::open(home.path().join("models")).unwrap(),
            logs: Logs { daemon: log.clone(), folder: home.path().join("logs") },
            home: Some(home.path().to_owned()),
            program: Arc::new(program),
        });
        let options = Options::default()
            .with_jobs(JobsOptions::new(home.path().join("jobs")))
            .with_topics(loadmaster_control::topics(&state))
            .with_routes(loadmaster_control::routes(state));
        let router = loadmaster_gateway::router_with(orchestrator.clone(), options).unwrap();
        Self { router, log, home, orchestrator }
    }

    /// Sends a request as if it came from `peer`.
    pub(crate) async fn send(&self, method: &Method, path: &str, body: Body, peer: &str) -> Response<Body> {
        let peer: SocketAddr = peer.parse().unwrap();
        let request = Request::builder().method(method).uri(path).extension(ConnectInfo(peer));
        let Ok(answer) = self.router.clone().oneshot(request.body(body).unwrap()).await;
        answer
    }

    /// The status of an answer, and its JSON where it is an error.
    pub(crate) async fn begin(&self, method: &Method, path: &str) -> (u16, Value) {
        let answer = self.send(method, path, Body::empty(), "127.0.0.1:1").await;
        let status = answer.status().as_u16();
        if status < 400 {
            // It may be a stream without an end.
            return (status, Value::Null);
        }
        (status, json(answer).await)
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        json(self.send(&Method::GET, path, Body::empty(), "127.0.0.1:1").await).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask(&Method::PUT, path, body).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask(&Method::POST, path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        self.ask(&Method::DELETE, path, &Value::Null).await
    }

    async fn ask(&self, method: &Method, path: &str, body: &Value) -> (u16, Value) {
        let answer = self.send(method, path, Body::from(body.to_string()), "127.0.0.1:1").await;
        (answer.status().as_u16(), json(answer).await)
    }

    /// Listens to a topic.
    pub(crate) async fn listen(&self, topic: &str) -> Listener {
        let path = format!("/api/v1/events?topics={topic}");
        Listener(self.send(&Method::GET, &path, Body::empty(), "127.0.0.1:1").await)
    }
}

/// What a topic tells.
pub(crate) struct Listener(Response<Body>);

impl Listener {
    /// The next event of a topic: its name and its data.
    pub(crate) async fn next(&mut self) -> (String, Value) {
        loop {
            let frame = tokio::time::timeout(Duration::from_secs(20), self.0.body_mut().frame());
            let bytes = frame.await.expect("an event comes").unwrap().unwrap().into_data().unwrap();
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
            // Those with ids are the orchestrator's.
            if let (Some(name), None, Some(data)) = (field("event: "), field("id: "), field("data: ")) {
                return (name.to_owned(), serde_json::from_str(data).unwrap());
            }
        }
    }
}

async fn json(answer: Response<Body>) -> Value {
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap_or(Value::Null)
}
