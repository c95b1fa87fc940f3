//! What a client asks for: JSON, or a form as OpenAI's clients send edits.

use axum::{
    extract::{FromRequest, Multipart, Request},
    http::{StatusCode, header},
};
use bytes::Bytes;
use loadmaster_core::ModelKind;
use loadmaster_images::{ImageError, ImageRequest, Task, form_field};
use serde_json::{Map, Value};

use crate::{ApiError, Gateway};

/// A body of more bytes is read on a thread of its own: others would wait for it.
const LONG: usize = 1 << 20;

/// A request for images, read and checked as far as that goes without its model.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) model: String,
    pub(crate) request: ImageRequest,
    /// As it goes to the instance.
    pub(crate) body: Bytes,
    /// Whether images are to be told by URLs.
    pub(crate) urls: bool,
}

impl Asked {
    /// The same as a stream that tells of progress.
    pub(crate) fn streamed(mut self) -> Self {
        (self.request.stream, self.request.progress) = (true, true);
        self.body = Bytes::from(self.request.to_json().to_string());
        self
    }
}

/// Reads a request. Its model is the only one of images, if it names none.
pub(crate) async fn read(gateway: &Gateway, task: Task, request: Request) -> Result<Asked, ApiError> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let is_form = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/form-data"));
    let body = if is_form {
        let fields = form(request).await?;
        Bytes::from(Value::Object(fields).to_string())
    } else {
        Bytes::from_request(request, &()).await.map_err(|rejection| {
            let remedy = "Send a smaller request, or check the connection.";
            ApiError::new(rejection.status(), "unreadable_body", rejection.body_text(), remedy)
        })?
    };
    read_json(gateway, task, body).await
}

/// Reads a request that is JSON.
pub(crate) async fn read_json(gateway: &Gateway, task: Task, body: Bytes) -> Result<Asked, ApiError> {
    let parsed = if body.len() < LONG {
        parse(task, &body)
    } else {
        let body = body.clone();
        tokio::task::spawn_blocking(move || parse(task, &body)).await.unwrap_or_else(|stopped| {
            Err(ImageError::invalid(
                "body",
                format!("The body could not be read: {stopped}"),
                "Send it again.",
            ))
        })
    };
    let (named, urls, request) = parsed?;
    Ok(Asked { model: model(gateway, named).await?, request, body, urls })
}

/// The model that a body names, whether it wants URLs, and the rest.
fn parse(task: Task, body: &[u8]) -> Result<(Option<String>, bool, ImageRequest), ImageError> {
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        let message = format!("The body is not the JSON of a request: {error}");
        ImageError::invalid("body", message, "Correct the body.")
    })?;
    let wrong = |field: &str, wanted: &str| {
        ImageError::invalid(field, format!("{field} cannot be {}", value[field]), format!("Send {wanted}."))
    };
    let named = match &value["model"] {
        Value::Null => None,
        Value::String(name) if name.is_empty() => None,
        Value::String(name) => Some(name.clone()),
        _ => return Err(wrong("model", "the name of a model")),
    };
    let urls = match &value["response_format"] {
        Value::Null => false,
        Value::String(format) if format == "b64_json" => false,
        Value::String(format) if format == "url" => true,
        _ => return Err(wrong("response_format", "b64_json or url")),
    };
    Ok((named, urls, ImageRequest::of_json(task, value)?))
}

async fn form(request: Request) -> Result<Map<String, Value>, ApiError> {
    let bad = |status: StatusCode, cause: String| {
        let remedy = "Send a form of at most 64 MiB, with a boundary and whole parts.";
        ApiError::new(status, "unreadable_body", cause, remedy)
    };
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|rejection| bad(rejection.status(), rejection.body_text()))?;
    let mut fields = Map::new();
    while let Some(part) = form.next_field().await.map_err(|error| bad(error.status(), error.body_text()))? {
        let name = part.name().unwrap_or_default().to_owned();
        let content = part.bytes().await.map_err(|error| bad(error.status(), error.body_text()))?;
        form_field(&mut fields, &name, &content);
    }
    Ok(fields)
}

/// `named`, or the only model of images there is.
pub(crate) async fn model(gateway: &Gateway, named: Option<String>) -> Result<String, ApiError> {
    if let Some(named) = named {
        return Ok(named);
    }
    let models = gateway.orchestrator.status().await?.models;
    let of_images = models.iter().filter(|model| model.kind == ModelKind::Image);
    let names: Vec<&str> = of_images.map(|model| model.id.as_str()).collect();
    let refused = |message: &str, remedy: String| {
        Err(ApiError::new(StatusCode::BAD_REQUEST, "invalid_request", message, remedy).with("param", "model"))
    };
    match names.as_slice() {
        [only] => Ok((*only).to_owned()),
        [] => refused("There is no model that makes images", "Add one to the configuration.".to_owned()),
        several => refused("The request names no model", format!("Name one of: {}.", several.join(", "))),
    }
}
