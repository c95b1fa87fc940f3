//! Two GPUs, and a backend that takes the one with the most free memory.

use std::time::Duration;

use loadmaster_core::{DeviceId, DeviceKind, LoadRequest, Machine, Model, ModelKind};

use super::loads::{Loads, place};

/// Two models do not fit on one GPU.
fn the_emptiest(_: &Model, machine: &Machine) -> (DeviceId, u64) {
    let emptiest = machine.devices.iter().max_by_key(|device| device.free).unwrap();
    (emptiest.id.clone(), 600)
}

#[tokio::test(start_paused = true)]
async fn a_model_takes_the_empty_gpu_and_then_that_of_the_longest_unused() {
    let gpus = Loads::new(DeviceKind::Discrete, &["gpu0", "gpu1"], the_emptiest);
    let orchestrator = gpus.orchestrator();
    for name in ["a", "b", "c"] {
        let model = Model::from_file(ModelKind::Text, format!("{name}.gguf"));
        orchestrator.add(LoadRequest::new(model)).await.unwrap();
    }
    let mut places = Vec::new();
    for name in ["a", "b", "b", "c"] {
        let lease = orchestrator.lease(name).await.unwrap();
        places.push((name, place(&lease.instance().plan).0.to_string()));
        drop(lease);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let [(_, a), (_, b), _, (_, c)] = &places[..] else { panic!("{places:?}") };
    assert!(a != b && c == a, "{places:?}");
    assert_eq!(gpus.count(), 2);
    orchestrator.close().await;
}
