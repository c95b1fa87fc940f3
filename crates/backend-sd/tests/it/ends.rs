//! Ends: each is told once, waited for by everybody, and leaves nothing.

use std::{sync::Arc, time::Duration};

use loadmaster_core::{FailureReason, Health, InstanceId};
use serde_json::json;

use crate::place::{Place, asked, cat_with, micro};

/// Whoever comes second must not hear that it is over while the process still has its memory.
#[tokio::test]
async fn everybody_who_stops_an_instance_waits_for_its_end() {
    let place = Place::new();
    for mode in ["resident", "one-shot"] {
        let running = place.start(&micro(mode)).await;
        let endless = cat_with(&json!({"steps": 100, "n": 8, "size": "256x256"}));
        let stops = async {
            while !matches!(place.backend.health(&running.instance).await, Health::Working { .. }) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let stop = async || {
                place.backend.stop(&running.instance, Duration::ZERO).await.unwrap();
                running.instance.exit.now().map(|failure| failure.reason)
            };
            tokio::join!(stop(), stop(), stop())
        };
        let (_, told) = tokio::join!(running.ask("/v1/images/generations", &endless), stops);
        let stopped = Some(FailureReason::Stopped);
        assert_eq!(told, (stopped.clone(), stopped.clone(), stopped), "{mode}");
        #[cfg(target_os = "linux")]
        crate::left::nothing_of(&place).await;
        // Once more does no harm.
        running.stop().await;
    }
}

/// Whatever moment a start is called off at, nothing is left of it: no process, no folder, no socket, no entry.
#[tokio::test]
async fn a_start_that_is_called_off_leaves_nothing() {
    let place = Place::new();
    for (mode, file) in [("resident", "sd1.safetensors"), ("one-shot", "sd1.safetensors")] {
        let plan = place.plan(&asked(file, &json!({})).with("mode", mode)).await.unwrap();
        for (count, after) in [0, 1, 5, 20, 60, 150, 400].into_iter().enumerate() {
            let id = InstanceId::new(mode, u64::try_from(count).unwrap());
            let start = place.backend.start(id, Arc::new(plan.clone()));
            // The last ones may be ready: these are stopped, as the orchestrator does it.
            if let Ok(Ok(instance)) = tokio::time::timeout(Duration::from_millis(after), start).await {
                place.backend.stop(&instance, Duration::ZERO).await.unwrap();
            }
            place.backend.settled().await;
            #[cfg(target_os = "linux")]
            crate::left::nothing_of(&place).await;
            let sockets = std::fs::read_dir(place.home.path().join("r")).unwrap().count();
            assert_eq!(sockets, 0, "{mode}, called off after {after} ms");
        }
    }
}

/// A server that dies in the moment in which it is ready, and one that dies later: both are told of, and forgotten.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_that_dies_idle_is_told_and_forgotten() {
    let place = Place::new();
    for wait in [0, 50] {
        let running = place.start(&micro("resident")).await;
        tokio::time::sleep(Duration::from_millis(wait)).await;
        crate::left::kill(running.instance.pid.unwrap()).await;
        let failure = running.instance.exit.wait().await;
        assert_eq!(failure.reason, FailureReason::Signal { name: "SIGKILL".into() });
        assert_eq!(place.backend.health(&running.instance).await, Health::Dead);
        crate::left::nothing_of(&place).await;
        running.stop().await;
    }
}
