//! Programs that die of a signal while they paint.

use std::time::Duration;

use loadmaster_core::FailureReason;
use loadmaster_images::{ErrorCode, StreamEvent, StreamReader};
use loadmaster_upstream::Method;
use serde_json::{Value, json};

use crate::place::{Place, Running, asked, cat, cat_with, micro, model_file};

/// Flux without its encoder: it loads, and crashes at the first image. Refused before a start, so the plan is one for
/// the whole model, from which the encoder is taken.
#[tokio::test]
async fn a_crash_is_answered_typed() {
    let place = Place::new();
    let tae = model_file("micro-tae.safetensors");
    let files = json!({"taesd": tae, "clip_l": model_file("flux-clip.safetensors")});
    for mode in ["resident", "one-shot"] {
        let request = asked("flux-dit.safetensors", &files).with("mode", mode);
        let mut plan = place.plan(&request).await.unwrap();
        plan.settings["components"] = json!({"taesd": tae});
        let instance = place.try_start(plan).await.unwrap();
        let running = place.running(instance);
        let error = running.paint(&cat()).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::ServerCrashed);
        assert!(error.message.contains("SIGSEGV"), "{error}");
        if mode == "resident" {
            let failure = running.instance.exit.wait().await;
            assert_eq!(failure.reason, FailureReason::Signal { name: "SIGSEGV".into() });
        } else {
            assert_eq!(running.paint(&cat()).await.unwrap_err().code, ErrorCode::ServerCrashed);
            running.stop().await;
        }
    }
}

/// The events of a stream that may break off.
async fn stream_or_break(running: &Running<'_>, body: &Value) -> Vec<StreamEvent> {
    let request = running.upstream.request(Method::POST, "/v1/images/generations").json(body);
    let mut answer = request.send().await.unwrap();
    let (mut reader, mut events) = (StreamReader::default(), Vec::new());
    while let Ok(Some(bytes)) = answer.chunk().await {
        events.extend(reader.feed(&bytes));
    }
    events
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// The connection is closed without an answer, so that the gateway sends the request again; a stream that has begun
/// is told.
#[tokio::test]
async fn a_server_that_is_killed_answers_nothing() {
    let place = Place::new();
    let slow = cat_with(&json!({"steps": 100, "n": 8, "size": "256x256"}));
    for stream in [false, true] {
        let running = place.start(&micro("resident")).await;
        let pid = running.instance.pid.unwrap();
        let killer = async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            kill(pid);
        };
        if stream {
            let mut wish = slow.clone();
            wish["stream"] = json!(true);
            let (events, ()) = tokio::join!(stream_or_break(&running, &wish), killer);
            assert!(events.iter().any(|event| matches!(event, StreamEvent::Progress(_))));
            assert!(!events.iter().any(|event| matches!(event, StreamEvent::Completed(_))));
        } else {
            let (answer, ()) = tokio::join!(running.ask("/v1/images/generations", &slow), killer);
            assert!(answer.is_err(), "{answer:?}");
        }
        let failure = running.instance.exit.wait().await;
        assert_eq!(failure.reason, FailureReason::Signal { name: "SIGKILL".into() });
        place.start(&micro("resident")).await.stop().await;
    }
}
