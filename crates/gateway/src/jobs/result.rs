//! What came of a job.

use std::{io, sync::Arc};

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use loadmaster_images::{Answer, AnswerImage, ErrorCode, ImageError, ImageFormat, encode_base64};
use loadmaster_orchestrator::Wish;

use super::{ImageFile, Job, JobState, Jobs, Record, Submission, routes::find, submit};
use crate::{ApiError, Gateway, images::Asked};

/// `GET /api/v1/jobs/{id}/result`: the images in base64, and where their files are.
pub(super) async fn result(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Answer>, ApiError> {
    let job = find(&gateway, &id)?;
    let record = completed(&job)?;
    let mut answer = with_urls(&record, &headers);
    let files = images(gateway.jobs()?, &record).await?;
    for (image, file) in answer.data.iter_mut().zip(files) {
        image.b64_json = Some(encode_base64(&file));
    }
    Ok(Json(answer))
}

/// The files of all images of a job that is done.
pub(crate) async fn images(jobs: &Arc<Jobs>, record: &Record) -> Result<Vec<Vec<u8>>, ApiError> {
    let (jobs, id) = (Arc::clone(jobs), record.id.clone());
    let names: Vec<String> = record.images.iter().map(|image| image.name.clone()).collect();
    let read = move || names.iter().map(|name| jobs.store.read_image(&id, name)).collect();
    tokio::task::spawn_blocking(read)
        .await
        .unwrap_or_else(|stopped| Err(stopped.into()))
        .map_err(|error: io::Error| unreadable(&error))
}

/// `GET /api/v1/jobs/{id}/images/{name}`: one image's file.
pub(super) async fn image(
    State(gateway): State<Arc<Gateway>>,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let job = find(&gateway, &id)?;
    let record = completed(&job)?;
    // Only names that the record has: none leads out of its folder.
    if !record.images.iter().any(|image| image.name == name) {
        let names: Vec<&str> = record.images.iter().map(|image| image.name.as_str()).collect();
        let remedy = format!("Ask for one of: {}.", names.join(", "));
        let message = "The job has no such image";
        return Err(ApiError::new(StatusCode::NOT_FOUND, "image_not_found", message, remedy));
    }
    let jobs = Arc::clone(gateway.jobs()?);
    let read = tokio::task::spawn_blocking(move || jobs.store.read_image(&id, &name)).await;
    let bytes = read.unwrap_or_else(|stopped| Err(stopped.into())).map_err(|error| unreadable(&error))?;
    Ok(file(bytes.into(), record.format, "private, max-age=86400, immutable"))
}

/// `GET /api/v1/jobs/{id}/preview`.
pub(super) async fn preview(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let job = find(&gateway, &id)?;
    let (bytes, format) = job.preview().ok_or_else(|| {
        let remedy = "Submit it with partial_images, to a model that can show them, and ask again.";
        ApiError::new(StatusCode::NOT_FOUND, "no_preview", "There is no preview of the job", remedy)
    })?;
    Ok(file(bytes, format, "no-store"))
}

fn file(bytes: Bytes, format: ImageFormat, caching: &'static str) -> Response {
    let headers: [(HeaderName, HeaderValue); 3] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(format.media_type())),
        (header::CACHE_CONTROL, HeaderValue::from_static(caching)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, bytes).into_response()
}

/// The record of a job that is done; what became of it otherwise.
fn completed(job: &Job) -> Result<Record, ApiError> {
    let record = job.record();
    match (record.state, &record.error) {
        (JobState::Completed, _) => Ok(record),
        (_, Some(error)) => Err(ended_badly(error)),
        _ => {
            let message = "The job has not ended yet";
            let remedy = "Listen to its events, or ask again.";
            Err(ApiError::new(StatusCode::CONFLICT, "not_finished", message, remedy))
        }
    }
}

fn ended_badly(error: &ImageError) -> ApiError {
    let told = ApiError::from(error.clone());
    if error.code == ErrorCode::Cancelled { told.with_status(StatusCode::CONFLICT) } else { told }
}

fn unreadable(error: &io::Error) -> ApiError {
    let message = format!("The job's images cannot be read: {error}");
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "jobs_unreadable", message, "Submit it again.")
}

/// The answer of `/v1/images/generations`, with URLs alone.
fn with_urls(record: &Record, headers: &HeaderMap) -> Answer {
    // Clients of OpenAI expect whole URLs. Who calls without a host has no address to add.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let base = host.map(|host| format!("http://{host}")).unwrap_or_default();
    let path = record.path();
    let image = |image: &ImageFile| AnswerImage {
        b64_json: None,
        url: Some(format!("{base}{path}/images/{}", image.name)),
        seed: image.seed,
    };
    Answer {
        created: record.ended_ms.unwrap_or(record.updated_ms) / 1000,
        data: record.images.iter().map(image).collect(),
        output_format: record.format,
        size: record.size,
        parameters: record.parameters.clone(),
        timings: record.timings,
    }
}

/// Cancels a job when nobody waits for it any more.
struct Waits(Arc<Job>);

impl Drop for Waits {
    fn drop(&mut self) {
        // Nothing happens to one that has ended.
        self.0.cancel();
    }
}

/// Answers a request with URLs: a job that ends with its client, and whose files are kept.
pub(crate) async fn answered_with_urls(
    gateway: &Arc<Gateway>,
    asked: Asked,
    wish: Wish,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let waits = Waits(submit(gateway, Submission { asked, wish, keep: None }).await?);
    let mut changes = waits.0.changes();
    // The job holds the sender.
    let _ = changes.wait_for(|record| record.state.has_ended()).await;
    let record = completed(&waits.0)?;
    Ok(Json(with_urls(&record, headers)).into_response())
}
