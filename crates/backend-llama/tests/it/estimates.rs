//! What was predicted beside what the server printed after it had loaded the model, by way of loading.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use loadmaster_backend_llama::LlamaBackend;
use loadmaster_core::{
    Backend, BackendContext, Device, DeviceEstimate, DeviceId, DeviceKind, InstanceId, LoadRequest, Machine,
    Model, ModelKind,
};
use serde_json::{Value, json};

use crate::files;

const MIB: u64 = 1 << 20;

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where their fixtures are")]
fn fixture(variable: &str) -> PathBuf {
    match std::env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => panic!("{variable} is not set; run: cargo xtask test"),
    }
}

fn machine() -> Machine {
    let host = Device {
        id: DeviceId::host(),
        name: "RAM".into(),
        kind: DeviceKind::Host,
        aliases: Vec::new(),
        total: 1 << 34,
        free: Some(1 << 34),
    };
    Machine { physical_cores: 2, usable_threads: 2, devices: vec![host], hypothetical: false }
}

fn backend(home: &std::path::Path) -> std::sync::Arc<dyn Backend> {
    let folder = |name: &str| {
        let folder = home.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    };
    let Value::Object(options) = json!({ "server": fixture("LOADMASTER_TEST_LLAMA_SERVER"), "ask": false })
    else {
        unreachable!("it is an object")
    };
    let context = BackendContext {
        runtime_dir: folder("r"),
        log_dir: folder("l"),
        state_dir: folder("s"),
        search_path: None,
        options: BTreeMap::from([(LlamaBackend::ID.to_owned(), options)]),
        ..BackendContext::default()
    };
    LlamaBackend::make(&context).unwrap()
}

/// The host's part of the estimate, and of what the server printed.
async fn both(settings: Value) -> (DeviceEstimate, DeviceEstimate) {
    let home = tempfile::tempdir().unwrap();
    let backend = backend(home.path());
    let model = Model::from_file(ModelKind::Text, fixture("LOADMASTER_TEST_SMOLLM2"));
    let Value::Object(settings) = settings else { panic!("settings are an object") };
    let request = LoadRequest { model, settings };
    let plan = backend.plan(&request, &machine()).await.unwrap();
    let estimate = backend.estimate_resources(&plan).await.unwrap();
    let instance = backend.start(InstanceId::new("it", 1), plan.into()).await.unwrap();
    let measured = instance.measured.clone().expect("the server prints its buffers");
    backend.stop(&instance, Duration::from_secs(5)).await.unwrap();
    let host = |devices: Vec<DeviceEstimate>| devices.into_iter().next().expect("the host");
    (host(estimate.devices), host(measured.devices))
}

/// What the estimate sets aside for the process itself, which no line tells of.
const PROCESS: u64 = 96 * MIB;

/// The server prints two digits of a MiB for each of its buffers.
#[track_caller]
fn same(what: &str, predicted: u64, printed: u64) {
    let off = predicted.abs_diff(printed);
    assert!(off <= MIB / 25, "{what}: {predicted} bytes predicted, {printed} printed");
}

#[track_caller]
fn all_the_same((predicted, printed): &(DeviceEstimate, DeviceEstimate)) {
    same("weights", predicted.weights, printed.weights);
    same("cache", predicted.kv_cache, printed.kv_cache);
    same("compute", predicted.compute, printed.compute);
    same("other", predicted.other - PROCESS, printed.other);
}

#[tokio::test]
async fn switches() {
    all_the_same(&both(json!({"context_length": 2048, "flash_attention": "off"})).await);
    let settings = json!({
        "context_length": 4096, "parallel": 4, "kv_unified": true, "flash_attention": "on", "repack": false,
        "swa_full": true, "mmap": false, "kv_offload": false, "op_offload": false, "cpu_moe_layers": "all",
        "override_tensors": [r"blk\.([0-9]|1[0-3])\.ffn_(up|down)=host"],
    });
    let found = both(settings).await;
    all_the_same(&found);
    assert_eq!((found.0.mapped, found.1.mapped), (0, 0));
}

#[tokio::test]
async fn an_adapter() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("adapter.gguf");
    files::adapter(&file);
    let alone = both(json!({"context_length": 2048})).await;
    for lora in [json!([file]), json!([{"file": file, "scale": 0.5}])] {
        let found = both(json!({"context_length": 2048, "flash_attention": "on", "lora": lora})).await;
        all_the_same(&found);
        assert!(found.0.other > alone.0.other + 9 * MIB, "{} bytes", found.0.other);
    }
}

#[tokio::test]
async fn a_draft_model() {
    let file = fixture("LOADMASTER_TEST_SMOLLM2");
    let settings = json!({
        "context_length": 2048, "parallel": 4, "flash_attention": "on", "cache_type_k": "q8_0",
        "cache_type_v": "q8_0", "draft": {"file": file, "tokens": 16},
    });
    all_the_same(&both(settings).await);
}

#[tokio::test]
async fn a_projector() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mmproj.gguf");
    files::projector(&file);
    let alone = both(json!({"context_length": 2048})).await;
    let (predicted, printed) = both(json!({"context_length": 2048, "mmproj": file})).await;
    // Its weights are printed in another form, which is not read.
    assert!(predicted.weights > alone.0.weights + 9 * MIB, "{} bytes", predicted.weights);
    assert!(
        predicted.compute >= printed.compute,
        "{} predicted, {} printed",
        predicted.compute,
        printed.compute
    );
}
