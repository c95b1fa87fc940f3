//! Errors, each with what to do about it.

use std::{path::PathBuf, time::Duration};

use crate::Failure;

/// An error that knows what the user can do.
pub trait Remedy {
    /// One sentence, addressed to the user.
    fn remedy(&self) -> String;
}

/// Why a backend could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// The model's file is not there.
    #[error("There is no file {}", path.display())]
    ModelMissing {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// The model's file is there and cannot be used.
    #[error("{} cannot be loaded: {cause}", path.display())]
    ModelUnreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
        /// What to do about it.
        remedy: String,
    },
    /// A setting that this backend does not have.
    #[error("The {backend} backend has no setting '{name}'; it has {}", known.join(", "))]
    UnknownSetting {
        /// The backend.
        backend: &'static str,
        /// The name that was given.
        name: String,
        /// The names that there are.
        known: Vec<&'static str>,
    },
    /// A setting with a value that cannot be.
    #[error("'{value}' is no value for {name}: {expected}")]
    BadSetting {
        /// The setting.
        name: String,
        /// The value that was given.
        value: String,
        /// What it takes.
        expected: String,
    },
    /// The backend's section of the configuration is wrong.
    #[error("The section [backends.{backend}] of the configuration is wrong: {cause}")]
    BadConfiguration {
        /// The backend.
        backend: &'static str,
        /// What is wrong.
        cause: String,
    },
    /// The server program is not installed.
    #[error("No {program} was found{}", looked_at.as_ref().map(|path| format!(" at {}", path.display())).unwrap_or_default())]
    ServerMissing {
        /// The program's name.
        program: &'static str,
        /// Where it was expected, when a place was given.
        looked_at: Option<PathBuf>,
        /// What to do about it.
        remedy: String,
    },
    /// The server ended before it was ready.
    #[error("The server of {model} did not start: {failure}")]
    StartFailed {
        /// The model.
        model: String,
        /// Why it ended.
        #[source]
        failure: Box<Failure>,
    },
    /// The server lives and never became ready.
    #[error("The server of {model} was not ready after {} s", after.as_secs())]
    StartTimedOut {
        /// The model.
        model: String,
        /// How long it was waited for.
        after: Duration,
        /// The last lines of its output.
        last_lines: Vec<String>,
    },
    /// Another server answers at the address that ours was given.
    #[error("A server that is not ours answers for {model}")]
    NotOurs {
        /// The model.
        model: String,
    },
    /// The operating system refused something.
    #[error("{action} failed: {cause}")]
    System {
        /// What was tried.
        action: String,
        /// What the system said.
        cause: String,
    },
}

impl BackendError {
    /// The operating system refused `action`.
    pub fn system(action: impl Into<String>, cause: impl std::fmt::Display) -> Self {
        Self::System { action: action.into(), cause: cause.to_string() }
    }
}

impl Remedy for BackendError {
    fn remedy(&self) -> String {
        match self {
            Self::ModelMissing { .. } => "Check the path.".to_owned(),
            Self::ModelUnreadable { remedy, .. } | Self::ServerMissing { remedy, .. } => remedy.clone(),
            Self::UnknownSetting { .. } => {
                "Take one of these names; a flag of the server itself is passed on with --extra.".to_owned()
            }
            Self::BadSetting { .. } => "Correct the value.".to_owned(),
            Self::BadConfiguration { .. } => "Correct the configuration file.".to_owned(),
            Self::StartFailed { failure, .. } => failure.remedy(),
            Self::StartTimedOut { .. } => {
                "Look at the server's log; a big model on a slow disk may need a longer start_timeout."
                    .to_owned()
            }
            Self::NotOurs { .. } => "Stop the other server, then try again.".to_owned(),
            Self::System { .. } => {
                "Check permissions, free disk space and limits, then try again.".to_owned()
            }
        }
    }
}
