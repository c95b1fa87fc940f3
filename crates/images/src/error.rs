//! Why there is no image.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

/// The class of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorCode {
    /// A field has a value that it cannot have, or the body is no request.
    InvalidRequest,
    /// The image would be larger than the instance has memory for, or than the model can make.
    ImageTooLarge,
    /// Memory ran out while it was painted.
    OutOfMemory,
    /// The server said that it failed.
    GenerationFailed,
    /// The server's process ended while it painted.
    ServerCrashed,
    /// The image could not be written whole.
    DiskFull,
    /// Somebody called it off.
    Cancelled,
    /// What somebody between the client and the painter says: `queue_full`, `insufficient_memory`, ...
    Other(String),
}

impl ErrorCode {
    /// Its name in the API.
    pub fn name(&self) -> &str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::ImageTooLarge => "image_too_large",
            Self::OutOfMemory => "out_of_memory",
            Self::GenerationFailed => "generation_failed",
            Self::ServerCrashed => "server_crashed",
            Self::DiskFull => "disk_full",
            Self::Cancelled => "cancelled",
            Self::Other(name) => name,
        }
    }

    fn from_name(name: &str) -> Self {
        let known = [
            Self::InvalidRequest,
            Self::ImageTooLarge,
            Self::OutOfMemory,
            Self::GenerationFailed,
            Self::ServerCrashed,
            Self::DiskFull,
            Self::Cancelled,
        ];
        known.into_iter().find(|code| code.name() == name).unwrap_or_else(|| Self::Other(name.to_owned()))
    }

    /// The HTTP status of an answer with it.
    pub fn status(&self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::ImageTooLarge => 413,
            _ => 500,
        }
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from_name(&String::deserialize(deserializer)?))
    }
}

/// Why there is no image, with what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ImageError {
    /// The class.
    pub code: ErrorCode,
    /// What failed, with its numbers.
    pub message: String,
    /// What can be done.
    #[serde(default)]
    pub remedy: String,
    /// The field of the request that it is about, if it is about one.
    #[serde(default, rename = "param")]
    pub field: Option<String>,
}

impl ImageError {
    /// An error of that class.
    pub fn new(code: ErrorCode, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code, message: message.into(), remedy: remedy.into(), field: None }
    }

    /// A field that has a value which it cannot have.
    pub fn invalid(field: &str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { field: Some(field.to_owned()), ..Self::new(ErrorCode::InvalidRequest, message, remedy) }
    }

    /// The HTTP status of an answer with it.
    pub fn status(&self) -> u16 {
        self.code.status()
    }

    /// As the body of an answer, in OpenAI's shape: `{"error": {"message", "type", "param", "code", "remedy"}}`.
    pub fn body(&self) -> Value {
        let kind = if self.status() < 500 { "invalid_request_error" } else { "server_error" };
        json!({ "error": {
            "message": self.message,
            "type": kind,
            "param": self.field,
            "code": self.code.name(),
            "remedy": self.remedy,
        }})
    }

    /// The error of a body. `None` if there is none in it.
    pub fn of_body(body: &Value) -> Option<Self> {
        let error = body.get("error")?;
        let text = |name: &str| error.get(name).and_then(Value::as_str);
        // Some servers have a text alone.
        let message = text("message").or(error.as_str())?;
        let code = text("code").map_or(ErrorCode::GenerationFailed, ErrorCode::from_name);
        let field = text("param").map(str::to_owned);
        Some(Self { field, ..Self::new(code, message, text("remedy").unwrap_or_default()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_comes_back_from_its_body() {
        for error in [
            ImageError::invalid("size", "No such size", "Send another."),
            ImageError::new(ErrorCode::DiskFull, "The disk is full", "Make room."),
            ImageError::new(ErrorCode::Other("queue_full".into()), "Too many wait", ""),
        ] {
            assert_eq!(ImageError::of_body(&error.body()), Some(error));
        }
        assert_eq!(ImageError::of_body(&json!({ "data": [] })), None);
        assert_eq!(ImageError::of_body(&json!({ "error": "it failed" })).unwrap().message, "it failed");
    }
}
