//! Errors in OpenAI's shape, with a remedy.

use axum::{
    Json,
    http::{Method, StatusCode, Uri, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use loadmaster_core::{BackendError, Failure, FailureReason, Remedy};
use loadmaster_orchestrator::OrchestratorError;
use loadmaster_upstream::UpstreamError;
use serde_json::{Map, Value, json};

/// An error as a client sees it.
#[derive(Debug, Clone)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    remedy: String,
    /// More fields of the error object.
    details: Box<Map<String, Value>>,
    /// Seconds after which it may be worth trying again.
    retry_after: Option<u32>,
}

/// About the time of a swap.
const RETRY_AFTER_SECONDS: u32 = 5;

impl ApiError {
    /// What went wrong and what the user can do; `code` is for programs.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            remedy: remedy.into(),
            details: Box::default(),
            retry_after: None,
        }
    }

    /// The same with one more field of the error object.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl serde::Serialize) -> Self {
        // A value that cannot be shown is left out: the message has it in words.
        if let Ok(value) = serde_json::to_value(value) {
            self.details.insert(name.to_owned(), value);
        }
        self
    }

    /// What came of settings that the request itself brought: one that cannot be is the client's mistake, and is named.
    pub fn of_settings(error: OrchestratorError) -> Self {
        let OrchestratorError::Backend(
            BackendError::UnknownSetting { name, .. } | BackendError::BadSetting { name, .. },
        ) = &error
        else {
            return error.into();
        };
        let api = Self::new(StatusCode::BAD_REQUEST, "invalid_setting", error.to_string(), error.remedy())
            .with("param", name);
        match &error {
            OrchestratorError::Backend(BackendError::UnknownSetting { known, .. }) => {
                api.with("known", known)
            }
            OrchestratorError::Backend(BackendError::BadSetting { expected, .. }) => {
                api.with("expected", expected)
            }
            _ => api,
        }
    }

    /// What this program cannot do.
    pub fn not_implemented(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "not_implemented", message, "Ask `loadmaster serve`.")
    }

    /// The same with another status.
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The server of `model` died while it answered, or was stopped.
    pub(crate) fn died(model: &str, failure: &Failure) -> Self {
        if failure.reason == FailureReason::Stopped {
            let message = format!("The server of '{model}' was stopped before its answer was whole");
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopped", message, failure.remedy());
        }
        let message = format!("The server of '{model}' died while it answered: {failure}");
        Self::new(StatusCode::BAD_GATEWAY, "server_crashed", message, failure.remedy())
            .with("reason", &failure.reason)
    }

    /// The same before the first byte of an answer, of a request that was sent `sends` times.
    pub(crate) fn died_unanswered(model: &str, failure: &Failure, sends: u32) -> Self {
        let died = Self::died(model, failure);
        if sends < 2 || failure.reason == FailureReason::Stopped {
            return died;
        }
        let message = format!(
            "The server of '{model}' died while it worked on this request, which was sent {sends} times: {failure}"
        );
        let remedy =
            format!("{} Where other requests are answered it dies of this one: change it.", failure.remedy());
        Self { message, remedy, ..died }.with("attempts", sends)
    }

    /// The status of its answer.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The code of the error object.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// The body: `{"error": {...}}`.
    pub fn body(&self) -> Value {
        let kind = match self.status.as_u16() {
            400..=499 => "invalid_request_error",
            _ => "server_error",
        };
        let mut error = json!({
            "message": self.message,
            "type": kind,
            "param": null,
            "code": self.code,
            "remedy": self.remedy,
        });
        if let Value::Object(fields) = &mut error {
            fields.extend(Map::clone(&self.details));
        }
        json!({ "error": error })
    }
}

impl From<OrchestratorError> for ApiError {
    fn from(error: OrchestratorError) -> Self {
        let (status, code) = match &error {
            OrchestratorError::UnknownModel { .. } => (StatusCode::NOT_FOUND, "model_not_found"),
            OrchestratorError::WrongKind { .. } => (StatusCode::BAD_REQUEST, "wrong_kind_of_model"),
            OrchestratorError::DoesNotFit { .. } | OrchestratorError::CannotHold { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "insufficient_memory")
            }
            OrchestratorError::QueueFull { .. } => (StatusCode::TOO_MANY_REQUESTS, "queue_full"),
            OrchestratorError::WaitedTooLong { .. } | OrchestratorError::HoldWaitedTooLong { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "waited_too_long")
            }
            OrchestratorError::CrashLoop { .. } => (StatusCode::SERVICE_UNAVAILABLE, "crash_loop"),
            OrchestratorError::Removed(_) => (StatusCode::NOT_FOUND, "model_removed"),
            OrchestratorError::CalledOff(_) | OrchestratorError::HoldCalledOff => {
                (StatusCode::SERVICE_UNAVAILABLE, "called_off")
            }
            OrchestratorError::Closing => (StatusCode::SERVICE_UNAVAILABLE, "shutting_down"),
            OrchestratorError::UnknownDevice { .. } => (StatusCode::NOT_FOUND, "device_not_found"),
            OrchestratorError::UnknownHold(_) => (StatusCode::NOT_FOUND, "hold_not_found"),
            OrchestratorError::NothingToHold => (StatusCode::BAD_REQUEST, "invalid_body"),
            OrchestratorError::Backend(
                BackendError::ModelMissing { .. } | BackendError::ModelUnreadable { .. },
            ) => (StatusCode::INTERNAL_SERVER_ERROR, "model_unreadable"),
            OrchestratorError::Backend(BackendError::ServerMissing { .. }) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "server_missing")
            }
            OrchestratorError::Backend(_) => (StatusCode::INTERNAL_SERVER_ERROR, "start_failed"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        };
        let api = Self::new(status, code, error.to_string(), error.remedy());
        match &error {
            OrchestratorError::CrashLoop { failure, retry_after, .. } => {
                let seconds = u32::try_from(retry_after.as_secs().max(1)).unwrap_or(u32::MAX);
                Self { retry_after: Some(seconds), ..api }
                    .with("reason", &failure.reason)
                    .with("last_lines", &failure.last_lines)
            }
            OrchestratorError::QueueFull { .. }
            | OrchestratorError::WaitedTooLong { .. }
            | OrchestratorError::HoldWaitedTooLong { .. } => {
                Self { retry_after: Some(RETRY_AFTER_SECONDS), ..api }
            }
            OrchestratorError::UnknownModel { known, .. }
            | OrchestratorError::UnknownDevice { known, .. } => api.with("known", known),
            OrchestratorError::DoesNotFit { shortages, pinned, .. }
            | OrchestratorError::CannotHold { shortages, pinned } => {
                api.with("devices", shortages).with("pinned", pinned)
            }
            OrchestratorError::Backend(BackendError::StartFailed { failure, .. }) => {
                api.with("reason", &failure.reason).with("last_lines", &failure.last_lines)
            }
            _ => api,
        }
    }
}

impl From<UpstreamError> for ApiError {
    fn from(error: UpstreamError) -> Self {
        let remedy = "Restart Loadmaster; report it if it stays.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", error.to_string(), remedy)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

pub(crate) async fn no_such_path(uri: Uri) -> ApiError {
    let message = format!("There is nothing at {}", uri.path());
    ApiError::new(StatusCode::NOT_FOUND, "not_found", message, "Check the path: the API begins with /v1.")
}

pub(crate) async fn no_such_method(method: Method, uri: Uri) -> ApiError {
    let message = format!("{} does not take {method}", uri.path());
    let remedy = "Use the method that the path is documented with.";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message, remedy)
}
