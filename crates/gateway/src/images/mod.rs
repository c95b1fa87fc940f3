//! `/v1/images/...`: images, on the same road as every other request.

mod asked;
mod reach;

use std::sync::Arc;

use axum::{
    extract::{Query, Request, State, rejection::QueryRejection},
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};
use bytes::Bytes;
use loadmaster_images::{ErrorCode, ImageError, Task};
use loadmaster_orchestrator::Wish;
use serde::Deserialize;

pub(crate) use self::{
    asked::{Asked, read_json},
    reach::{Reach, Reaches, kind_of, outgrown},
};
use crate::{
    ApiError, Gateway,
    attempts::Attempts,
    exchange::{self, Exchange},
    jobs, waiting, wish,
};

/// `POST /v1/images/generations`.
pub(crate) async fn generations(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
) -> Result<Response, ApiError> {
    answered(gateway, Task::Generate, request).await
}

/// `POST /v1/images/edits`.
pub(crate) async fn edits(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
) -> Result<Response, ApiError> {
    answered(gateway, Task::Edit, request).await
}

async fn answered(gateway: Arc<Gateway>, task: Task, request: Request) -> Result<Response, ApiError> {
    let headers = request.headers().clone();
    let wish = wish::of(&headers)?;
    let asked = asked::read(&gateway, task, request).await?;
    if asked.urls && !asked.request.stream {
        return jobs::answered_with_urls(&gateway, asked, wish, &headers).await;
    }
    begun(gateway, asked, wish).await
}

/// Sends a request on its road. The answer is the instance's own; or a stream that begins before it, where the
/// request asks for a stream.
pub(crate) async fn begun(gateway: Arc<Gateway>, asked: Asked, wish: Wish) -> Result<Response, ApiError> {
    let need = reach::raised_for(&gateway, &asked.model, &asked.request).await?;
    let streams = asked.request.stream;
    let exchange = Exchange {
        model: asked.model,
        method: Method::POST,
        path: asked.request.task.path().to_owned(),
        headers: Exchange::json(),
        body: asked.body,
    };
    waiting::answered(Attempts::begin(gateway, exchange, wish).with_need(need), streams).await
}

/// Whose capabilities are asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Whose {
    model: Option<String>,
}

/// `GET /api/v1/images/capabilities?model=`: asks an instance, which is started for it.
pub(crate) async fn capabilities(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    query: Result<Query<Whose>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(Whose { model }) = query.map_err(|rejection| {
        let remedy = "Send ?model=NAME, or leave it out where there is one alone.";
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_query", rejection.body_text(), remedy)
    })?;
    let model = asked::model(&gateway, model).await?;
    kind_of(&gateway, &model).await?;
    let exchange = Exchange {
        model,
        method: Method::GET,
        path: "/v1/images/capabilities".to_owned(),
        headers: exchange::to_server(&HeaderMap::new()),
        body: Bytes::new(),
    };
    let wish = Wish { keep: true, ..wish::of(&headers)? };
    waiting::answered(Attempts::begin(gateway, exchange, wish), false).await
}

impl From<ImageError> for ApiError {
    fn from(error: ImageError) -> Self {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let code = match error.code {
            ErrorCode::InvalidRequest => "invalid_request",
            ErrorCode::ImageTooLarge => "image_too_large",
            ErrorCode::OutOfMemory => "out_of_memory",
            ErrorCode::ServerCrashed => "server_crashed",
            ErrorCode::DiskFull => "disk_full",
            ErrorCode::Cancelled => "cancelled",
            _ => "generation_failed",
        };
        // The code that somebody else gave it, and what it is about.
        let said = error.code.name().to_owned();
        Self::new(status, code, error.message, error.remedy).with("code", said).with("param", error.field)
    }
}
