//! How the command ends when it fails: a cause, a remedy, an exit code.

use std::{path::Path, process::ExitCode};

use axum::http::StatusCode;
use loadmaster_binaries::BinariesError;
use loadmaster_control::ApiError;
use loadmaster_core::{BackendError, FailureReason, RegistryError, Remedy};
use loadmaster_gguf::GgufError;
use loadmaster_orchestrator::OrchestratorError;

/// Something went wrong that has no code of its own.
const FAILED: u8 = 1;
/// What was asked for cannot be.
const USAGE: u8 = 2;
/// There is not enough memory.
const MEMORY: u8 = 3;
/// A file, a model or a program is not there.
const NOT_FOUND: u8 = 4;
/// Ctrl-C: 128 and the number of SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why the command failed.
#[derive(Debug)]
pub(crate) struct Failed {
    cause: String,
    remedy: Option<String>,
    code: u8,
    /// Whether the server's log says more.
    see_log: bool,
}

impl Failed {
    /// A failure with exit code 1.
    pub(crate) fn because(cause: impl Into<String>) -> Self {
        Self { cause: cause.into(), remedy: None, code: FAILED, see_log: false }
    }

    /// What was asked for cannot be.
    pub(crate) fn usage(cause: impl Into<String>) -> Self {
        Self { code: USAGE, ..Self::because(cause) }
    }

    /// Something is not there.
    pub(crate) fn not_found(cause: impl Into<String>) -> Self {
        Self { code: NOT_FOUND, ..Self::because(cause) }
    }

    /// There is not enough memory.
    pub(crate) fn memory(cause: impl Into<String>) -> Self {
        Self { code: MEMORY, ..Self::because(cause) }
    }

    /// Adds what to do about it.
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Says `new` where the cause says `old`.
    pub(crate) fn renamed(mut self, old: &str, new: &str) -> Self {
        self.cause = self.cause.replace(old, new);
        self
    }

    /// Says where server logs are, if one says more than the cause.
    pub(crate) fn with_logs_in(mut self, folder: &Path) -> Self {
        if self.see_log {
            let remedy = self.remedy.unwrap_or_default();
            self.remedy = Some(format!("{remedy} Logs are in {}.", folder.display()));
        }
        self
    }

    /// The cause, and what to do about it.
    pub(crate) fn told(&self) -> (&str, &str) {
        (&self.cause, self.remedy.as_deref().unwrap_or_default())
    }

    /// Prints cause and remedy on stderr; returns the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let style = clap::builder::styling::AnsiColor::Red.on_default().bold();
        let colour = std::io::IsTerminal::is_terminal(&std::io::stderr());
        let (on, off) = if colour {
            (style.render().to_string(), style.render_reset().to_string())
        } else {
            Default::default()
        };
        eprintln!("{on}error:{off} {}", self.cause);
        if let Some(remedy) = &self.remedy {
            eprintln!("  help: {remedy}");
        }
        ExitCode::from(self.code)
    }
}

/// As the control API tells it.
impl From<Failed> for ApiError {
    fn from(failed: Failed) -> Self {
        let (status, code) = match failed.code {
            USAGE => (StatusCode::BAD_REQUEST, "invalid_request"),
            MEMORY => (StatusCode::SERVICE_UNAVAILABLE, "insufficient_memory"),
            NOT_FOUND => (StatusCode::NOT_FOUND, "not_found"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        };
        let (cause, remedy) = failed.told();
        Self::new(status, code, cause, remedy)
    }
}

impl From<OrchestratorError> for Failed {
    fn from(error: OrchestratorError) -> Self {
        let code = match &error {
            OrchestratorError::DoesNotFit { .. } => MEMORY,
            OrchestratorError::UnknownModel { .. } => NOT_FOUND,
            OrchestratorError::DuplicateModel(_) => USAGE,
            OrchestratorError::Backend(error) => code_of(error),
            _ => FAILED,
        };
        let see_log = match &error {
            OrchestratorError::Backend(BackendError::StartTimedOut { .. }) => true,
            OrchestratorError::Backend(BackendError::StartFailed { failure, .. }) => {
                use FailureReason::{Exited, Signal, Unknown};
                matches!(failure.reason, Exited { .. } | Signal { .. } | Unknown)
            }
            _ => false,
        };
        Self { cause: error.to_string(), remedy: Some(error.remedy()), code, see_log }
    }
}

impl From<BinariesError> for Failed {
    fn from(error: BinariesError) -> Self {
        let code = match &error {
            BinariesError::Catalog { .. } => USAGE,
            BinariesError::NotInstalled { .. }
            | BinariesError::UnknownBuild { .. }
            | BinariesError::NothingSuitable { .. }
            | BinariesError::NothingBefore { .. } => NOT_FOUND,
            _ => FAILED,
        };
        let remedy = match &error {
            BinariesError::NotInstalled { program, id: None } => {
                format!("Install one: `loadmaster binaries install {program}`.")
            }
            BinariesError::NotInstalled { .. } | BinariesError::UnknownBuild { .. } => {
                "`loadmaster binaries list` shows those that there are.".to_owned()
            }
            BinariesError::NothingSuitable { .. } => {
                "`loadmaster binaries list` shows why; add a build to a catalog of your own, or name a program with \
                 --own."
                    .to_owned()
            }
            BinariesError::Pinned { program, .. } => {
                format!("Unpin it first: `loadmaster binaries unpin {program}`.")
            }
            other => other.remedy(),
        };
        let mut cause = error.to_string();
        // A sentence of ours begins with a capital letter; what begins with a path or a name stays as it is.
        if cause.starts_with("no ") || cause.starts_with("there ") || cause.starts_with("the ") {
            cause.replace_range(..1, &cause[..1].to_uppercase());
        }
        Self { code, ..Self::because(cause).remedy(remedy) }
    }
}

fn code_of(error: &BackendError) -> u8 {
    match error {
        BackendError::ModelMissing { .. } | BackendError::ServerMissing { .. } => NOT_FOUND,
        BackendError::UnknownSetting { .. }
        | BackendError::BadSetting { .. }
        | BackendError::BadConfiguration { .. } => USAGE,
        BackendError::StartFailed { failure, .. } => match failure.reason {
            FailureReason::BadFlag { .. } => USAGE,
            FailureReason::OutOfMemory { .. } => MEMORY,
            _ => FAILED,
        },
        _ => FAILED,
    }
}

impl Failed {
    /// A GGUF file that could not be read.
    pub(crate) fn gguf(path: &Path, error: &GgufError) -> Self {
        let code = match error {
            GgufError::NotFound { .. } => {
                let cause = format!("There is no file {}", path.display());
                let is_address = path.to_str().is_some_and(|text| text.contains("://"));
                let remedy =
                    if is_address { "Addresses begin with http:// or https://." } else { error.remedy() };
                return Self::not_found(cause).remedy(remedy);
            }
            GgufError::ShardNotFound { .. } => NOT_FOUND,
            _ => FAILED,
        };
        let cause = format!("{} cannot be used: {}", path.display(), error.cause());
        let failed = Self { code, ..Self::because(cause) };
        failed.remedy(error.remedy())
    }

    /// A backend that refused to be made.
    pub(crate) fn backend(error: &RegistryError) -> Self {
        match error {
            RegistryError::Make { source, .. } => Self {
                code: code_of(source),
                ..Self::because(format!("{error}: {source}")).remedy(source.remedy())
            },
            RegistryError::Duplicate(_) => Self::because(error.to_string()),
        }
    }
}
