//! A backend with folders of its own, and a machine to plan for.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use loadmaster_backend_sd::SdBackend;
use loadmaster_core::{
    Backend, BackendContext, BackendError, Device, DeviceId, DeviceKind, Instance, InstanceId, LaunchPlan,
    LoadRequest, Machine, Model, ModelKind,
};
use loadmaster_images::{Answer, ImageError, StreamEvent, StreamReader};
use loadmaster_upstream::{Method, RequestError, Upstream};
use serde_json::{Value, json};

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where their fixtures are")]
pub(crate) fn fixture(variable: &str) -> PathBuf {
    match std::env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => panic!("{variable} is not set; run: cargo xtask test"),
    }
}

/// A model of the fixtures.
pub(crate) fn model_file(name: &str) -> PathBuf {
    fixture("LOADMASTER_TEST_SD_MODELS").join(name)
}

/// A machine without GPUs.
pub(crate) fn machine(free: u64) -> Machine {
    let host = Device {
        id: DeviceId::host(),
        name: "RAM".into(),
        kind: DeviceKind::Host,
        aliases: Vec::new(),
        total: 1 << 34,
        free: Some(free),
    };
    Machine { physical_cores: 2, usable_threads: 2, devices: vec![host], hypothetical: false }
}

/// A backend and its folders.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) home: tempfile::TempDir,
    /// The state folder, where processes have theirs.
    pub(crate) state: PathBuf,
    pub(crate) backend: Arc<dyn Backend>,
    count: AtomicU64,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with(&json!({}), None)
    }

    /// With more options, and the state folder elsewhere.
    pub(crate) fn with(more: &Value, state: Option<&Path>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let folder = home.path().join(name);
            std::fs::create_dir_all(&folder).unwrap();
            folder
        };
        let server = fixture("LOADMASTER_TEST_SD_SERVER");
        let Value::Object(mut options) =
            json!({ "server": server, "cli": fixture("LOADMASTER_TEST_SD_CLI") })
        else {
            unreachable!("it is an object")
        };
        options.extend(more.as_object().unwrap().clone());
        let state = state.map_or_else(|| folder("s"), Path::to_owned);
        let context = BackendContext {
            runtime_dir: folder("r"),
            log_dir: folder("l"),
            state_dir: state.clone(),
            search_path: None,
            options: BTreeMap::from([(SdBackend::ID.to_owned(), options)]),
            ..BackendContext::default()
        };
        let backend = SdBackend::make(&context).unwrap();
        Self { home, state, backend, count: AtomicU64::new(0) }
    }

    pub(crate) async fn plan(&self, request: &LoadRequest) -> Result<LaunchPlan, BackendError> {
        self.backend.plan(request, &machine(1 << 34)).await
    }

    pub(crate) async fn try_start(&self, plan: LaunchPlan) -> Result<Instance, BackendError> {
        let id = InstanceId::new(&plan.model.id, self.count.fetch_add(1, Ordering::Relaxed));
        self.backend.start(id, Arc::new(plan)).await
    }

    pub(crate) async fn start(&self, request: &LoadRequest) -> Running<'_> {
        let plan = self.plan(request).await.unwrap();
        let instance = self.try_start(plan).await.unwrap();
        self.running(instance)
    }

    /// The same plan again, as a new instance.
    pub(crate) async fn start_plan(&self, plan: &LaunchPlan) -> Running<'_> {
        let instance = self.try_start(plan.clone()).await.unwrap();
        self.running(instance)
    }

    /// The folder of the logs.
    pub(crate) fn logs(&self) -> PathBuf {
        self.home.path().join("l")
    }

    pub(crate) fn running(&self, instance: Instance) -> Running<'_> {
        Running { place: self, upstream: Upstream::new(&instance.endpoint).unwrap(), instance }
    }
}

/// The smallest model, as it is asked for.
pub(crate) fn micro(mode: &str) -> LoadRequest {
    asked("micro.safetensors", &json!({"taesd": model_file("micro-tae.safetensors")})).with("mode", mode)
}

pub(crate) fn asked(file: &str, components: &Value) -> LoadRequest {
    of_file(&model_file(file), components)
}

pub(crate) fn of_file(path: &Path, components: &Value) -> LoadRequest {
    let model = Model::from_file(ModelKind::Image, path);
    LoadRequest::new(model).with("components", components.clone()).with("pixels", 512 * 512)
}

/// An instance that is stopped by hand.
#[derive(Debug)]
pub(crate) struct Running<'a> {
    place: &'a Place,
    pub(crate) upstream: Upstream,
    pub(crate) instance: Instance,
}

/// The request that most tests make.
pub(crate) fn cat() -> Value {
    json!({"prompt": "a cat", "size": "64x64", "steps": 2, "seed": 42, "n": 1})
}

pub(crate) fn cat_with(more: &Value) -> Value {
    let mut request = cat();
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request
}

impl Running<'_> {
    /// Asks; an error of the connection is the outer one.
    pub(crate) async fn ask(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<Result<Answer, ImageError>, RequestError> {
        let answer = self.upstream.request(Method::POST, path).json(body).send().await?;
        let status = answer.status();
        let body: Value = answer.json().await?;
        if status.is_success() {
            return Ok(Ok(serde_json::from_value(body).unwrap()));
        }
        let error = ImageError::of_body(&body).unwrap();
        assert_eq!(error.status(), status.as_u16());
        Ok(Err(error))
    }

    pub(crate) async fn paint(&self, body: &Value) -> Result<Answer, ImageError> {
        let path = if body["image"].is_null() { "/v1/images/generations" } else { "/v1/images/edits" };
        self.ask(path, body).await.unwrap()
    }

    /// The events of a stream, to its end.
    pub(crate) async fn stream(&self, body: &Value) -> Vec<StreamEvent> {
        let request = self.upstream.request(Method::POST, "/v1/images/generations").json(body);
        let mut answer = request.send().await.unwrap();
        assert!(answer.status().is_success());
        let (mut reader, mut events) = (StreamReader::default(), Vec::new());
        while let Some(bytes) = answer.chunk().await.unwrap() {
            events.extend(reader.feed(&bytes));
        }
        events
    }

    /// The events of a stream that may break off.
    pub(crate) async fn stream_or_break(&self, body: &Value) -> Vec<StreamEvent> {
        let request = self.upstream.request(Method::POST, "/v1/images/generations").json(body);
        let mut answer = request.send().await.unwrap();
        let (mut reader, mut events) = (StreamReader::default(), Vec::new());
        while let Ok(Some(bytes)) = answer.chunk().await {
            events.extend(reader.feed(&bytes));
        }
        events
    }

    pub(crate) async fn stop(self) {
        self.place.backend.stop(&self.instance, Duration::ZERO).await.unwrap();
        assert!(self.instance.exit.now().is_some());
    }
}
