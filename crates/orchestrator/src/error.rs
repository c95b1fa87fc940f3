//! Why a request was turned away.

use loadmaster_core::{BackendError, Bytes, Failure, HoldId, ModelKind, Remedy};

use crate::Shortage;

/// Why the orchestrator could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum OrchestratorError {
    /// No model of that name was added.
    #[error("There is no model '{model}'; there is {}", list(known))]
    UnknownModel {
        /// The name that was asked for.
        model: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// The model is for something else than what was asked of it.
    #[error("'{model}' is a model of another kind, and cannot answer this")]
    WrongKind {
        /// The model.
        model: String,
        /// What it is for.
        kind: ModelKind,
    },
    /// Two models would answer to one name.
    #[error("Two models are called '{0}'")]
    DuplicateModel(String),
    /// No backend of this program can serve the model.
    #[error("No backend serves '{model}'; this program has {}", list(backends))]
    NoBackend {
        /// The model.
        model: String,
        /// The backends that there are.
        backends: Vec<String>,
    },
    /// There is not enough memory, whoever makes room.
    #[error("'{model}' does not fit: {}", shortages.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    DoesNotFit {
        /// The model.
        model: String,
        /// Each device that has too little.
        shortages: Vec<Shortage>,
        /// The models that hold memory and never make room.
        pinned: Vec<String>,
    },
    /// Its server dies again and again before it has answered anything.
    #[error("The server of '{model}' died {deaths} times in a row: {failure}")]
    CrashLoop {
        /// The model.
        model: String,
        /// How often.
        deaths: u32,
        /// When it is tried again.
        retry_after: std::time::Duration,
        /// Why it died the last time.
        failure: Box<Failure>,
    },
    /// Too many wait for the model already.
    #[error("{waiting} requests wait for '{model}' already")]
    QueueFull {
        /// The model.
        model: String,
        /// How many wait.
        waiting: usize,
    },
    /// The request waited for as long as it may.
    #[error("'{model}' could not be used within {} s", waited.as_secs())]
    WaitedTooLong {
        /// The model.
        model: String,
        /// How long it waited.
        waited: std::time::Duration,
    },
    /// The backend could not plan, estimate, start or stop it.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The machine does not tell what memory it has.
    #[error("The machine's memory could not be read: {0}")]
    Machine(String),
    /// The model was stopped while the request waited for it.
    #[error("'{0}' was stopped before it was ready")]
    CalledOff(String),
    /// The program is about to end.
    #[error("Loadmaster is shutting down")]
    Closing,
    /// The model was taken away while the request waited for it.
    #[error("'{0}' was taken out of the configuration before it was ready")]
    Removed(String),
    /// There is not enough memory to hold, whoever makes room.
    #[error("It cannot be held: {}", shortages.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    CannotHold {
        /// Each device that has too little.
        shortages: Vec<Shortage>,
        /// The models that hold memory and never make room.
        pinned: Vec<String>,
    },
    /// A hold waited for as long as it may.
    #[error("The memory did not become free within {} s", waited.as_secs())]
    HoldWaitedTooLong {
        /// How long it waited.
        waited: std::time::Duration,
    },
    /// Somebody ended a hold that still waited.
    #[error("The hold was ended before it was granted")]
    HoldCalledOff,
    /// A hold of nothing.
    #[error("There is nothing to hold: no device, or no bytes")]
    NothingToHold,
    /// No hold of that name.
    #[error("There is no {0}")]
    UnknownHold(HoldId),
    /// Somebody named a device that this machine does not have.
    #[error("There is no device '{device}'; there is {}", list(known))]
    UnknownDevice {
        /// The name.
        device: String,
        /// The devices that there are.
        known: Vec<String>,
    },
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

impl Remedy for OrchestratorError {
    fn remedy(&self) -> String {
        match self {
            Self::UnknownModel { .. } => "Ask for one of these names.".to_owned(),
            Self::WrongKind { kind: ModelKind::Image, .. } => {
                "It makes images: ask /v1/images/generations, or name another model.".to_owned()
            }
            Self::WrongKind { .. } => "Name another model.".to_owned(),
            Self::DuplicateModel(_) => "Rename one of the files.".to_owned(),
            Self::NoBackend { .. } => "Check the file with `loadmaster inspect`.".to_owned(),
            Self::DoesNotFit { shortages, pinned, .. } => {
                let largest = shortages.iter().map(|s| s.needed.saturating_sub(s.available)).max();
                let free = format!("Free {}", Bytes(largest.unwrap_or(0)));
                if pinned.is_empty() {
                    format!("{free}, ask for a shorter context (--ctx), or raise the budget.")
                } else {
                    format!(
                        "{free} (`loadmaster stop MODEL` ends what is pinned: {}), or ask for a shorter context (--ctx).",
                        pinned.join(", ")
                    )
                }
            }
            Self::CrashLoop { failure, retry_after, .. } => {
                format!("{} It is tried again in {} s.", failure.remedy(), retry_after.as_secs().max(1))
            }
            Self::QueueFull { .. } => "Send the request again later, or send fewer at once.".to_owned(),
            Self::WaitedTooLong { .. } => {
                "Send the request again later, or give the models more memory so that they fit together."
                    .to_owned()
            }
            Self::Backend(error) => error.remedy(),
            Self::Machine(_) => "Look at what `loadmaster probe` says.".to_owned(),
            Self::CalledOff(_) => "Send the request again.".to_owned(),
            Self::CannotHold { pinned, .. } if pinned.is_empty() => {
                "Ask for less, or end other programs that use the device.".to_owned()
            }
            Self::CannotHold { pinned, .. } => format!(
                "Ask for less, or end what is pinned (`loadmaster stop MODEL`): {}.",
                pinned.join(", ")
            ),
            Self::HoldWaitedTooLong { .. } => {
                "Ask again later or wait longer; `loadmaster ps` shows what has the memory.".to_owned()
            }
            Self::HoldCalledOff => "Ask for it again.".to_owned(),
            Self::NothingToHold => "Name a device and its bytes, such as host and 2 GiB.".to_owned(),
            Self::UnknownHold(_) => {
                "It may be over already; `loadmaster ps` shows those that there are.".to_owned()
            }
            Self::UnknownDevice { .. } => {
                "Name one of these; `loadmaster probe` shows what they are, and which other names they have."
                    .to_owned()
            }
            Self::Closing => "Start it again, then send the request again.".to_owned(),
            Self::Removed(_) => "Ask for another model, or put it back into the configuration.".to_owned(),
        }
    }
}
