//! Calls the API inside a program, without a socket.
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::sync::Arc;

use axum::{body::Body, http::Request};
use http_body_util::BodyExt;
use loadmaster_core::Registry;
use loadmaster_orchestrator::{Orchestrator, Policy, ThisMachine};
use tower::ServiceExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A program that serves something takes `Registry::registered` and adds models.
    let orchestrator = Orchestrator::new(Registry::empty(), Arc::new(ThisMachine::new()), Policy::default());
    let router = loadmaster_gateway::router(orchestrator);
    for path in ["/healthz", "/v1/models", "/v1/models/nobody"] {
        let Ok(answer) = router.clone().oneshot(Request::get(path).body(Body::empty())?).await;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        println!("GET {path}: {status} {}", String::from_utf8_lossy(&body));
    }
    Ok(())
}
