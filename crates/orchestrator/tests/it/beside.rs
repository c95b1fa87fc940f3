//! A model of images that runs in a large way where there is room, else in a small one, beside a model of text.

use std::time::Duration;

use loadmaster_core::{DeviceId, DeviceKind, LoadRequest, Machine, Model, ModelKind};

use super::loads::{Loads, place};

/// The most of 700 and 300 that fits; the name of a model may forbid the smaller.
fn as_large_as_fits(model: &Model, machine: &Machine) -> (DeviceId, u64) {
    let fits = machine.devices[0].free.unwrap() >= 700;
    (DeviceId::host(), if fits || model.id == "large" { 700 } else { 300 })
}

/// What the second of two models takes, and how many run then.
async fn second(kind: ModelKind, name: &str) -> (u64, usize) {
    let host = Loads::new(DeviceKind::Host, &["host"], as_large_as_fits);
    let orchestrator = host.orchestrator();
    for (kind, name) in [(ModelKind::Text, "first"), (kind, name)] {
        orchestrator.add(LoadRequest::new(Model::from_file(kind, format!("{name}.gguf")))).await.unwrap();
        drop(orchestrator.lease(name).await.unwrap());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let lease = orchestrator.lease(name).await.unwrap();
    let outcome = (place(&lease.instance().plan).1, host.count());
    drop(lease);
    orchestrator.close().await;
    outcome
}

#[tokio::test(start_paused = true)]
async fn a_model_of_images_runs_beside_others_where_it_can() {
    assert_eq!(second(ModelKind::Image, "small").await, (300, 2));
    // It has no smaller way: the other makes room.
    assert_eq!(second(ModelKind::Image, "large").await, (700, 1));
    // A model of text gets all that could be its own.
    assert_eq!(second(ModelKind::Text, "small").await, (700, 1));
}
