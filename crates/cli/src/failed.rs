//! How the command ends when it fails: a cause, a remedy, an exit code.

use std::process::ExitCode;

use loadmaster_core::{BackendError, FailureReason, Remedy};
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
}

impl Failed {
    /// A failure with exit code 1.
    pub(crate) fn because(cause: impl Into<String>) -> Self {
        Self { cause: cause.into(), remedy: None, code: FAILED }
    }

    /// What was asked for cannot be.
    pub(crate) fn usage(cause: impl Into<String>) -> Self {
        Self { code: USAGE, ..Self::because(cause) }
    }

    /// Something is not there.
    pub(crate) fn not_found(cause: impl Into<String>) -> Self {
        Self { code: NOT_FOUND, ..Self::because(cause) }
    }

    /// Adds what to do about it.
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
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

impl From<OrchestratorError> for Failed {
    fn from(error: OrchestratorError) -> Self {
        let code = match &error {
            OrchestratorError::DoesNotFit { .. } => MEMORY,
            OrchestratorError::UnknownModel { .. } => NOT_FOUND,
            OrchestratorError::DuplicateModel(_) => USAGE,
            OrchestratorError::Backend(error) => code_of(error),
            _ => FAILED,
        };
        Self { cause: error.to_string(), remedy: Some(error.remedy()), code }
    }
}

fn code_of(error: &BackendError) -> u8 {
    match error {
        BackendError::ModelMissing { .. } | BackendError::ServerMissing { .. } => NOT_FOUND,
        BackendError::UnknownSetting { .. } | BackendError::BadSetting { .. } => USAGE,
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
    pub(crate) fn gguf(path: &std::path::Path, error: &GgufError) -> Self {
        let code = if matches!(error, GgufError::NotFound { .. }) { NOT_FOUND } else { FAILED };
        let named = error.to_string();
        let path = path.display().to_string();
        let cause = if named.contains(&path) { named } else { format!("{path}: {named}") };
        Self { cause, remedy: Some(error.remedy().to_owned()), code }
    }
}
