//! What goes wrong with models and builds, as this API tells it.

use std::io::ErrorKind;

use axum::http::StatusCode;
use loadmaster_binaries::BinariesError;
use loadmaster_fetch::FetchError;
use loadmaster_models::{ModelsError, Outcome, VerifyReport};

use crate::ApiError;

/// What goes wrong with the library of models, and with bringing models into it.
pub(crate) fn models(error: &ModelsError) -> ApiError {
    use ModelsError as E;
    let (status, code) = match error {
        E::BadName { .. } | E::BadReference { .. } | E::BadPath { .. } => {
            (StatusCode::BAD_REQUEST, "invalid_name")
        }
        E::NoSuchModel { .. } => (StatusCode::NOT_FOUND, "model_not_found"),
        E::NotInCatalog { .. } => (StatusCode::NOT_FOUND, "not_in_catalog"),
        E::NoSuchRepo { .. } | E::NoSuchRevision { .. } | E::NoSuchFile { .. } => {
            (StatusCode::NOT_FOUND, "not_on_hub")
        }
        E::NoSuchQuantisation { .. } | E::NoModelInRepo { .. } => {
            (StatusCode::NOT_FOUND, "no_such_quantisation")
        }
        E::Gated { .. } => (StatusCode::FORBIDDEN, "gated"),
        E::Exists { .. } => (StatusCode::CONFLICT, "model_exists"),
        E::InUse { .. } => (StatusCode::CONFLICT, "in_use"),
        E::Refused { .. } => (StatusCode::CONFLICT, "insufficient_memory"),
        E::Cancelled => (StatusCode::CONFLICT, "called_off"),
        E::NotAModel { .. } | E::Gguf { .. } | E::Safetensors { .. } => {
            (StatusCode::UNPROCESSABLE_ENTITY, "not_a_model")
        }
        E::WrongSize { .. } | E::WrongHash { .. } => (StatusCode::BAD_GATEWAY, "wrong_checksum"),
        E::Disk { source, .. } => of_disk(source.kind()),
        E::Fetch(error) => of_fetch(error),
        E::BadAnswer { .. } => (StatusCode::BAD_GATEWAY, "bad_answer"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
    };
    ApiError::new(status, code, sentence(error.to_string()), error.remedy())
}

fn of_disk(kind: ErrorKind) -> (StatusCode, &'static str) {
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
        ErrorKind::NotFound => (StatusCode::NOT_FOUND, "file_not_found"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "disk_failed"),
    }
}

fn of_fetch(error: &FetchError) -> (StatusCode, &'static str) {
    use FetchError as E;
    match error {
        E::BadUrl { .. } | E::BadHash { .. } => (StatusCode::BAD_REQUEST, "invalid_address"),
        E::NotFound { .. } => (StatusCode::NOT_FOUND, "not_on_server"),
        E::Denied { .. } => (StatusCode::FORBIDDEN, "access_denied"),
        E::DiskFull { .. } => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
        E::Disk { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "disk_failed"),
        E::WrongHash { .. } | E::WrongSize { .. } | E::Damaged { .. } => {
            (StatusCode::BAD_GATEWAY, "wrong_checksum")
        }
        E::Unreachable { .. } | E::Stalled { .. } | E::Cut { .. } => {
            (StatusCode::BAD_GATEWAY, "connection_lost")
        }
        _ => (StatusCode::BAD_GATEWAY, "bad_answer"),
    }
}

/// What is wrong with the files of a model, if anything is.
pub(crate) fn damaged(report: &VerifyReport) -> Option<ApiError> {
    if report.is_intact() {
        return None;
    }
    let whole = |outcome: &Outcome| matches!(outcome, Outcome::Intact | Outcome::NoHash);
    let damaged: Vec<_> = report.files.iter().filter(|file| !whole(&file.outcome)).collect();
    let names: Vec<_> = damaged.iter().map(|file| file.path.display().to_string()).collect();
    let message = format!("These files are not what they were: {}", names.join(", "));
    let remedy = "Delete the model and download it again.";
    Some(ApiError::new(StatusCode::CONFLICT, "damaged", message, remedy).with("files", damaged))
}

/// What goes wrong with builds of servers.
pub(crate) fn builds(error: &BinariesError) -> ApiError {
    use BinariesError as E;
    let (status, code) = match error {
        E::UnknownBuild { .. } => (StatusCode::NOT_FOUND, "unknown_build"),
        E::NotInstalled { .. } => (StatusCode::NOT_FOUND, "build_not_installed"),
        E::NothingSuitable { .. } => (StatusCode::NOT_FOUND, "nothing_suitable"),
        E::NoneWorks { .. } => (StatusCode::BAD_GATEWAY, "none_works"),
        E::Pinned { .. } => (StatusCode::CONFLICT, "pinned"),
        E::NothingBefore { .. } => (StatusCode::CONFLICT, "nothing_before"),
        E::Folder { source, .. } => of_disk(source.kind()),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
    };
    let api = ApiError::new(status, code, sentence(error.to_string()), error.remedy());
    match error {
        E::NoneWorks { attempts, .. } => api.with("attempts", attempts),
        E::NothingSuitable { left_out, .. } => api.with("left_out", left_out),
        _ => api,
    }
}

/// Causes that begin with a word begin with a capital; others begin with a name.
fn sentence(mut cause: String) -> String {
    if ["there ", "it ", "the ", "no ", "nothing ", "cannot "].iter().any(|word| cause.starts_with(word)) {
        cause[..1].make_ascii_uppercase();
    }
    cause
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn each_error_has_a_code_for_programs_and_a_remedy_for_people() {
        let full = FetchError::DiskFull { path: PathBuf::from("/m/a.gguf"), needed: 2, free: 1 };
        let told = models(&ModelsError::Fetch(full)).body();
        assert_eq!(told["error"]["code"], "disk_full");
        assert!(
            told["error"]["remedy"].as_str().unwrap().starts_with("Free 1 MiB on the disk of /m"),
            "{told}"
        );
        let near = vec!["llama-3.2-1b".to_owned()];
        let told = models(&ModelsError::NotInCatalog { name: "llama".to_owned(), near }).body();
        assert_eq!(told["error"]["message"], "There is no model 'llama' in the catalog");
        assert_eq!(told["error"]["remedy"], "Did you mean llama-3.2-1b?");
        let program = loadmaster_binaries::Program::Sd;
        let told = builds(&BinariesError::NotInstalled { program, id: Some("b1".to_owned()) }).body();
        assert_eq!(told["error"]["message"], "No build `b1` of sd is installed");
    }
}
