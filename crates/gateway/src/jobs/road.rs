//! A job on its road: the same request as any client's, and its answer read as it comes.

use std::sync::Arc;

use axum::{body::Body, http::StatusCode, response::Response};
use http_body_util::BodyExt;
use loadmaster_images::{Completed, ErrorCode, ImageError, StreamEvent, StreamReader};
use loadmaster_orchestrator::Wish;
use serde_json::Value;

use super::Job;
use crate::{
    Gateway,
    images::{self, Asked},
    told::Told,
};

/// Asks, and follows the answer. Dropping the future gives the place up, or ends the painting.
pub(super) async fn travel(
    gateway: Arc<Gateway>,
    job: &Job,
    asked: Asked,
    wish: Wish,
) -> Result<Vec<Completed>, ImageError> {
    match images::begun(gateway, asked, wish).await {
        Ok(answer) if answer.status() == StatusCode::OK => follow(job, answer.into_body()).await,
        Ok(refused) => Err(refusal(refused).await),
        Err(error) => Err(read_error(&error.body())),
    }
}

async fn follow(job: &Job, mut body: Body) -> Result<Vec<Completed>, ImageError> {
    let mut reader = StreamReader::default();
    let mut images: Vec<Completed> = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken_off(&error.to_string()))?;
        for event in reader.feed(&frame.into_data().unwrap_or_default()) {
            match event {
                StreamEvent::Comment(comment) => job.waits(Told::read(&comment)),
                StreamEvent::Progress(progress) => job.gets_on(progress),
                StreamEvent::Partial(partial) => job.show(partial.bytes, partial.format),
                StreamEvent::Completed(completed) => images.push(*completed),
                StreamEvent::Failed(error) => return Err(error),
                _ => {}
            }
        }
    }
    match images.last() {
        Some(last) if usize::try_from(last.images).is_ok_and(|all| images.len() == all) => Ok(images),
        _ => Err(broken_off("it ended before its last image")),
    }
}

async fn refusal(answer: Response) -> ImageError {
    let status = answer.status();
    let body =
        answer.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    ImageError::of_body(&body).unwrap_or_else(|| broken_off(&format!("the answer was {status}")))
}

fn read_error(body: &Value) -> ImageError {
    ImageError::of_body(body).unwrap_or_else(|| broken_off("the answer was an error without a word"))
}

fn broken_off(cause: &str) -> ImageError {
    let message = format!("The answer of the model's server broke off: {cause}");
    ImageError::new(ErrorCode::GenerationFailed, message, "Submit it again.")
}
