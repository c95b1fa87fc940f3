//! Two GPUs, and a backend that takes the one with the most free memory.

use std::time::Duration;

use loadmaster_core::{
    Device, DeviceEstimate, DeviceId, DeviceKind, Estimate, EstimateSource, LoadRequest, Machine, Model,
    ModelKind,
};

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

#[tokio::test(start_paused = true)]
async fn another_machine_is_planned_for_and_what_would_happen_is_foretold_without_a_plan() {
    let gpus = Loads::new(DeviceKind::Discrete, &["gpu0"], the_emptiest);
    let orchestrator = gpus.orchestrator();
    let model = |name: &str| Model::from_file(ModelKind::Text, format!("{name}.gguf"));
    orchestrator.add(LoadRequest::new(model("a"))).await.unwrap();
    drop(orchestrator.lease("a").await.unwrap());
    let here = orchestrator.preview_of(LoadRequest::new(model("b"))).await.unwrap();
    assert_eq!((here.leaving.len(), here.shortages.len()), (1, 1));

    // With a second one that is only imagined nobody has to leave.
    let mut larger = here.machine.clone();
    let second = Device { id: DeviceId::from("gpu1"), free: Some(1000), ..larger.devices[0].clone() };
    larger.devices.push(second);
    let there = orchestrator.preview_on(LoadRequest::new(model("b")), larger).await.unwrap();
    assert_eq!(place(&there.plan).0.as_str(), "gpu1");
    assert!(there.leaving.is_empty() && there.shortages.is_empty(), "{there:?}");

    let takes = |weights: u64| {
        let part = DeviceEstimate { weights, ..DeviceEstimate::on(DeviceId::from("gpu0")) };
        Estimate { source: EstimateSource::Computed, margin_percent: 0, devices: vec![part] }
    };
    let foretold = async |bytes| {
        let machine = here.machine.clone();
        orchestrator.foretell(model("c"), takes(bytes), machine).await.unwrap()
    };
    assert!(foretold(400).await.leaving.is_empty());
    assert_eq!(foretold(401).await.leaving, here.leaving);
    assert_eq!(foretold(1001).await.lacking.len(), 1);
    orchestrator.close().await;
}
