//! Prints the plan and the estimate of a model: `plan MODEL.gguf LLAMA_SERVER`.
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use loadmaster_backend_llama::LlamaBackend;
use loadmaster_core::{
    BackendContext, Bytes, Device, DeviceId, DeviceKind, LoadRequest, Machine, Model, ModelKind, Settings,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(model), Some(server)) = (arguments.next(), arguments.next()) else {
        return Err("give a GGUF file and the path of llama-server".into());
    };
    let host = Device {
        id: DeviceId::host(),
        name: "RAM".to_owned(),
        kind: DeviceKind::Host,
        aliases: Vec::new(),
        total: 16 << 30,
        free: Some(12 << 30),
    };
    let machine = Machine { physical_cores: 4, usable_threads: 8, devices: vec![host], hypothetical: false };
    let options: Settings = [("server".to_owned(), server.into())].into_iter().collect();
    let context = BackendContext {
        state_dir: std::env::temp_dir().join("loadmaster-example"),
        options: [(LlamaBackend::ID.to_owned(), options)].into(),
        ..BackendContext::default()
    };
    let backend = LlamaBackend::make(&context)?;
    let plan = backend.plan(&LoadRequest::new(Model::from_file(ModelKind::Text, model)), &machine).await?;
    println!("{:#}", serde_json::to_value(&plan)?);
    for part in backend.estimate_resources(&plan).await?.devices {
        println!(
            "{}: {} (weights {}, KV cache {}, compute {}, other {})",
            part.device,
            Bytes(part.total()),
            Bytes(part.weights),
            Bytes(part.kv_cache),
            Bytes(part.compute),
            Bytes(part.other)
        );
    }
    Ok(())
}
