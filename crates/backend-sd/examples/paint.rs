//! Paints an image: `paint MODEL PROMPT OUT [ROLE=FILE...]`, with the programs on the search path.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example shows its result")]

use std::{sync::Arc, time::Duration};

use loadmaster_backend_sd::SdBackend;
use loadmaster_core::{
    BackendContext, Bytes, Device, DeviceId, DeviceKind, InstanceId, LoadRequest, Machine, Model, ModelKind,
};
use loadmaster_images::{ImageRequest, StreamEvent, StreamReader, Task};
use loadmaster_upstream::{Method, Upstream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(model), Some(prompt), Some(out)) = (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("give a model, a prompt, and a file for the image".into());
    };
    let components: serde_json::Map<_, _> = arguments
        .filter_map(|pair| pair.split_once('=').map(|(role, file)| (role.to_owned(), file.into())))
        .collect();
    let host = Device {
        id: DeviceId::host(),
        name: "RAM".to_owned(),
        kind: DeviceKind::Host,
        aliases: Vec::new(),
        total: 16 << 30,
        free: Some(12 << 30),
    };
    let machine = Machine { physical_cores: 4, usable_threads: 8, devices: vec![host], hypothetical: false };
    let home = std::env::temp_dir().join("loadmaster-example");
    std::fs::create_dir_all(&home)?;
    #[expect(clippy::disallowed_methods, reason = "an example has no configuration")]
    let search_path = std::env::var_os("PATH");
    let context = BackendContext {
        runtime_dir: home.clone(),
        log_dir: home.clone(),
        state_dir: home,
        search_path,
        ..BackendContext::default()
    };
    let backend = SdBackend::make(&context)?;
    let model = Model::from_file(ModelKind::Image, model);
    let request = LoadRequest::new(model).with("components", components);
    let plan = backend.plan(&request, &machine).await?;
    for part in backend.estimate_resources(&plan).await?.devices {
        println!("{} as {}: {} at most", plan.settings["family"], plan.settings["mode"], Bytes(part.total()));
    }
    let instance = backend.start(InstanceId::new("example", 1), Arc::new(plan)).await?;
    let wish = ImageRequest { stream: true, ..ImageRequest::new(prompt) };
    let upstream = Upstream::new(&instance.endpoint)?;
    let sent = upstream.request(Method::POST, Task::Generate.path()).json(&wish.to_json()).send().await;
    let (mut answer, mut reader) = (sent?, StreamReader::default());
    while let Some(bytes) = answer.chunk().await? {
        for event in reader.feed(&bytes) {
            match event {
                StreamEvent::Progress(told) => {
                    eprint!(
                        "\r{:9} {}/{} {:3.0} %",
                        told.stage,
                        told.step,
                        told.steps,
                        told.fraction * 100.0
                    );
                }
                StreamEvent::Completed(image) => {
                    std::fs::write(&out, &image.bytes)?;
                    println!("\n{out}: seed {}, {} ms", image.seed, image.timings.total_ms);
                }
                StreamEvent::Failed(error) => eprintln!("\n{error}. {}", error.remedy),
                _ => {}
            }
        }
    }
    backend.stop(&instance, Duration::ZERO).await?;
    Ok(())
}
