//! Faults while it paints, each provoked for real.

use loadmaster_images::ErrorCode;
use serde_json::json;

use crate::place::{Place, asked, cat, cat_with};

/// The denoiser's scores alone would be 650 GiB: the system refuses them, and the next request is fine.
#[tokio::test]
async fn memory_that_runs_out_is_typed() {
    let place = Place::new();
    for mode in ["resident", "one-shot"] {
        // The plan allows what no machine has.
        let request = asked("sd1tiny.safetensors", &json!({})).with("mode", mode).with("pixels", 4096 * 4096);
        let running = place.start(&request).await;
        let error = running.paint(&cat_with(&json!({"size": "3072x3072", "steps": 1}))).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::OutOfMemory, "{error}");
        running.paint(&cat()).await.unwrap();
        running.stop().await;
    }
}
