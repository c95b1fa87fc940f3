//! Faults while it paints, each provoked for real. After each: what is told, that the memory is back, and that the next
//! request is fine.

use std::time::Duration;

use loadmaster_core::{FailureReason, Health, Remedy as _};
use loadmaster_images::{ErrorCode, StreamEvent};
use serde_json::json;

use crate::{
    left,
    place::{Place, asked, cat, cat_with, micro, model_file},
};

/// Flux without its encoder: it loads, and crashes at the first image. Refused before a start, so the plan is one for
/// the whole model, from which the encoder is taken.
#[tokio::test]
async fn a_crash_is_answered_typed() {
    let tae = model_file("micro-tae.safetensors");
    let files = json!({"taesd": tae, "clip_l": model_file("flux-clip.safetensors")});
    for mode in ["resident", "one-shot"] {
        let place = Place::new();
        let good = place.plan(&asked("flux-dit.safetensors", &files).with("mode", mode)).await.unwrap();
        let mut bad = good.clone();
        bad.settings["components"] = json!({"taesd": tae});
        let running = place.start_plan(&bad).await;
        let error = running.paint(&cat()).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::ServerCrashed);
        assert!(error.message.contains("SIGSEGV"), "{error}");
        assert!(error.remedy.contains("missing or damaged"), "{error:?}");
        if mode == "resident" {
            let failure = running.instance.exit.wait().await;
            assert_eq!(failure.reason, FailureReason::Signal { name: "SIGSEGV".into() });
            assert!(failure.remedy().contains("the next request starts it again"), "{failure:?}");
            assert_eq!(place.backend.health(&running.instance).await, Health::Dead);
        } else {
            assert_eq!(running.paint(&cat()).await.unwrap_err().code, ErrorCode::ServerCrashed);
            running.stop().await;
        }
        left::nothing_of(&place).await;
        let running = place.start_plan(&good).await;
        running.paint(&cat()).await.unwrap();
        running.stop().await;
    }
}

/// The connection is closed without an answer, so that the gateway sends the request again; a stream that has begun
/// breaks off.
#[tokio::test]
async fn a_server_that_is_killed_answers_nothing() {
    let place = Place::new();
    let slow = cat_with(&json!({"steps": 100, "n": 8, "size": "256x256"}));
    for stream in [false, true] {
        let running = place.start(&micro("resident")).await;
        let killer = async {
            // When it paints, and not before.
            while !matches!(place.backend.health(&running.instance).await, Health::Working { .. }) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            left::kill(running.instance.pid.unwrap()).await;
        };
        if stream {
            let mut wish = slow.clone();
            wish["stream"] = json!(true);
            let (events, ()) = tokio::join!(running.stream_or_break(&wish), killer);
            assert!(events.iter().any(|event| matches!(event, StreamEvent::Progress(_))));
            // The connection is cut as the server dies: whether the word of it comes through first is luck. Whoever
            // asked through the gateway is told there.
            for event in events {
                match event {
                    StreamEvent::Failed(told) => {
                        assert_eq!(told.code, ErrorCode::ServerCrashed, "{told}");
                        assert!(told.remedy.contains("the next request starts it again"), "{told:?}");
                    }
                    StreamEvent::Completed(_) => panic!("it was killed"),
                    _ => {}
                }
            }
        } else {
            let (answer, ()) = tokio::join!(running.ask("/v1/images/generations", &slow), killer);
            assert!(answer.is_err(), "{answer:?}");
        }
        let failure = running.instance.exit.wait().await;
        assert_eq!(failure.reason, FailureReason::Signal { name: "SIGKILL".into() });
        assert!(failure.remedy().contains("kernel ran out of memory"), "{failure:?}");
        left::nothing_of(&place).await;
        let running = place.start(&micro("resident")).await;
        running.paint(&cat()).await.unwrap();
        running.stop().await;
    }
}

/// Nothing was served yet, so it begins again, and nobody sees it; but not for ever.
#[tokio::test]
async fn a_program_that_is_killed_is_started_again() {
    let place = Place::new();
    let running = place.start(&micro("one-shot")).await;
    let wish = cat_with(&json!({"steps": 40, "size": "256x256"}));
    let alone = running.paint(&wish).await.unwrap();
    let (answer, _) = tokio::join!(running.paint(&wish), left::killed(&place));
    assert_eq!(answer.unwrap().data[0].b64_json, alone.data[0].b64_json);
    let three_times = async {
        for _ in 0..3 {
            left::killed(&place).await;
        }
    };
    let (answer, ()) = tokio::join!(running.paint(&wish), three_times);
    let error = answer.unwrap_err();
    assert_eq!(error.code, ErrorCode::ServerCrashed, "{error}");
    assert!(error.message.contains("SIGKILL") && !error.remedy.is_empty(), "{error:?}");
    left::nothing_of(&place).await;
    running.paint(&cat()).await.unwrap();
    running.stop().await;
}

/// Neither program keeps to a limit of its own: it is refused in front of them, and nothing is taken for it.
#[tokio::test]
async fn an_enormous_image_is_refused_and_takes_nothing() {
    let place = Place::new();
    for mode in ["resident", "one-shot"] {
        let running = place.start(&micro(mode)).await;
        running.paint(&cat()).await.unwrap();
        let total = |left: Vec<(u32, u64)>| left.iter().map(|(_, bytes)| bytes).sum::<u64>();
        let before = total(left::processes(&place));
        let error = running.paint(&cat_with(&json!({"size": "20000x20000"}))).await.unwrap_err();
        assert_eq!((&error.code, error.status()), (&ErrorCode::ImageTooLarge, 413), "{error}");
        assert!(error.message.contains("262144") && error.remedy.contains("smaller"), "{error:?}");
        assert_eq!(error.field.as_deref(), Some("size"));
        assert!(total(left::processes(&place)) <= before + (1 << 20), "{mode}");
        running.paint(&cat()).await.unwrap();
        running.stop().await;
        left::nothing_of(&place).await;
    }
}

/// The denoiser's scores alone would be 650 GiB: the system refuses them.
#[tokio::test]
async fn memory_that_runs_out_is_typed() {
    let place = Place::new();
    for mode in ["resident", "one-shot"] {
        // The plan allows what no machine has.
        let request = asked("sd1tiny.safetensors", &json!({})).with("mode", mode).with("pixels", 4096 * 4096);
        let running = place.start(&request).await;
        running.paint(&cat()).await.unwrap();
        let total = || left::processes(&place).iter().map(|(_, bytes)| bytes).sum::<u64>();
        let before = total();
        let error = running.paint(&cat_with(&json!({"size": "3072x3072", "steps": 1}))).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::OutOfMemory, "{error}");
        assert!(error.remedy.contains("smaller image"), "{error:?}");
        running.paint(&cat()).await.unwrap();
        // What the server's heap keeps of so large a request is little beside its weights.
        assert!(total() <= before + before / 10, "{mode}: {before} bytes before, {} after", total());
        running.stop().await;
        left::nothing_of(&place).await;
    }
}

/// Whoever cancels goes away: there is nobody to be told, but the instance says what became of it.
#[tokio::test]
async fn an_endless_image_is_cancelled_and_its_memory_is_back() {
    let place = Place::new();
    for mode in ["resident", "one-shot"] {
        let running = place.start(&micro(mode)).await;
        let endless = cat_with(&json!({"steps": 100, "n": 8, "size": "256x256"}));
        {
            let mut painting = std::pin::pin!(running.paint(&endless));
            let at_work = async {
                while !matches!(place.backend.health(&running.instance).await, Health::Working { .. }) {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            };
            tokio::select! {
                answer = &mut painting => panic!("it was done: {answer:?}"),
                () = at_work => {}
            }
            assert_eq!(left::processes(&place).len(), 1);
        }
        if mode == "resident" {
            let failure = running.instance.exit.wait().await;
            assert_eq!(failure.reason, FailureReason::Stopped);
            assert!(failure.remedy().contains("Send the request again"), "{failure:?}");
            left::nothing_of(&place).await;
            let running = place.start(&micro(mode)).await;
            running.paint(&cat()).await.unwrap();
            running.stop().await;
        } else {
            running.paint(&cat()).await.unwrap();
            left::nothing_of(&place).await;
            running.stop().await;
        }
    }
}
