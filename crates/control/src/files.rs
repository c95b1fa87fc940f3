//! `GET /api/v1/files?folder=`: folders and model files of this machine, for whoever chooses a file to import.

use std::{
    io,
    path::{Path, PathBuf},
};

use axum::{
    Json, Router,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    routing::get,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    ApiError, ControlState,
    logs::ended,
    near::{self, Peer},
};

/// How many entries of one folder are told.
const MOST: usize = 10_000;

/// How the files of models are called.
const MODELS: [&str; 2] = ["gguf", "safetensors"];

/// What sort of entry it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EntryKind {
    Folder,
    Model,
}

/// A folder, or the file of a model.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Entry {
    name: String,
    #[schema(value_type = String)]
    path: PathBuf,
    kind: EntryKind,
    /// Bytes of the file.
    bytes: Option<u64>,
}

/// What is in a folder.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "it is what the contract calls it")]
pub(crate) struct Folder {
    #[schema(value_type = String)]
    folder: PathBuf,
    /// The folder that it is in.
    #[schema(value_type = Option<String>)]
    parent: Option<PathBuf>,
    /// Folders first, those that are hidden behind the others.
    entries: Vec<Entry>,
    /// Whether there are more entries than are told.
    more: bool,
}

/// Which folder.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    folder: Option<PathBuf>,
}

pub(crate) fn routes() -> Router<ControlState> {
    Router::new().route("/api/v1/files", get(files))
}

/// Folders and model files in a folder; without one, in the user's own. Only for programs on this machine.
#[utoipa::path(
    get, path = "/api/v1/files", tag = "models",
    params(("folder" = Option<String>, Query, description = "An absolute path")),
    responses(
        (status = 200, body = Folder),
        (status = 403, description = "Asked from another machine, or nobody may read it", body = crate::openapi::Error),
        (status = 404, body = crate::openapi::Error),
    ),
)]
pub(crate) async fn files(
    State(state): State<ControlState>,
    peer: Peer,
    headers: HeaderMap,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Folder>, ApiError> {
    let Query(Asked { folder }) = query.map_err(|rejection| {
        let remedy = "Send ?folder= with an absolute path, or leave it out.";
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_query", rejection.body_text(), remedy)
    })?;
    near::only(&peer, &headers, "Files are shown", "Open the panel there, or write the path by hand.")?;
    let folder = folder.or_else(|| state.home.clone()).unwrap_or_else(|| PathBuf::from("/"));
    if !folder.is_absolute() {
        let message = format!("'{}' is not an absolute path", folder.display());
        let remedy = "Send ?folder= with an absolute path.";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "invalid_query", message, remedy));
    }
    let read =
        tokio::task::spawn_blocking(move || read(&folder).map_err(|error| unreadable(&folder, &error)));
    Ok(Json(read.await.map_err(|error| ended(&error))??))
}

fn read(folder: &Path) -> io::Result<Folder> {
    let mut entries: Vec<Entry> =
        std::fs::read_dir(folder)?.flatten().filter_map(|found| entry(&found.path())).collect();
    entries.sort_by_cached_key(|entry| (entry.kind, entry.name.starts_with('.'), entry.name.to_lowercase()));
    let more = entries.len() > MOST;
    entries.truncate(MOST);
    let parent = folder.parent().map(Path::to_owned);
    Ok(Folder { folder: folder.to_owned(), parent, entries, more })
}

/// Links are followed; what cannot be looked at is left out.
fn entry(path: &Path) -> Option<Entry> {
    let metadata = std::fs::metadata(path).ok()?;
    let name = path.file_name()?.to_string_lossy().into_owned();
    let path = path.to_owned();
    if metadata.is_dir() {
        return Some(Entry { name, path, kind: EntryKind::Folder, bytes: None });
    }
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    (metadata.is_file() && MODELS.contains(&extension.as_str())).then_some(Entry {
        name,
        path,
        kind: EntryKind::Model,
        bytes: Some(metadata.len()),
    })
}

fn unreadable(folder: &Path, error: &io::Error) -> ApiError {
    let (status, code) = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => (StatusCode::NOT_FOUND, "no_such_folder"),
        io::ErrorKind::PermissionDenied => (StatusCode::FORBIDDEN, "folder_unreadable"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "folder_unreadable"),
    };
    let message = format!("The folder {} cannot be read: {error}", folder.display());
    ApiError::new(status, code, message, "Choose another folder.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_models_are_shown_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        for folder in ["zoo", ".cache"] {
            std::fs::create_dir(home.join(folder)).unwrap();
        }
        for file in ["a.GGUF", "secret.txt", "b.safetensors", "gguf"] {
            std::fs::write(home.join(file), "1234").unwrap();
        }
        let folder = read(home).unwrap();
        let told: Vec<_> = folder.entries.iter().map(|entry| (entry.name.as_str(), entry.bytes)).collect();
        assert_eq!(told, [("zoo", None), (".cache", None), ("a.GGUF", Some(4)), ("b.safetensors", Some(4))]);
        assert_eq!((folder.parent.as_deref(), folder.more), (home.parent(), false));
        assert_eq!(
            unreadable(home, &read(&home.join("nowhere")).unwrap_err()).body()["error"]["code"],
            "no_such_folder"
        );
    }
}
