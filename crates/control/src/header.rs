//! `GET /api/v1/models/{name}/header`: what the file of a model says of itself.

use std::{collections::BTreeMap, fs::File, io::Read, path::Path as FilePath};

use axum::{
    Json, Router,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::StatusCode,
    routing::get,
};
use loadmaster_gguf::{Array, ArrayMode, Element, Facts, Header, ReadOptions, Value as Entry, WeightSizes};
use loadmaster_models::{ModelsError, SafetensorsHeader, inspect};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::{ApiError, ControlState, failed, library::file_of, logs::ended};

/// Items of an array that are told, where the request does not say.
const ITEMS: usize = 20;

/// The most items of an array that are told: vocabularies have hundreds of thousands.
const MOST: usize = 1000;

pub(crate) fn routes() -> Router<ControlState> {
    Router::new().route("/api/v1/models/{name}/header", get(header))
}

/// Which items of arrays.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    array_limit: Option<usize>,
    #[serde(default)]
    offset: usize,
}

/// What a file says of itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelHeader {
    /// What people ask for, by name: architecture, quantisation, context length, ...
    #[schema(value_type = Object)]
    essential: Value,
    /// All entries, in the file's order.
    metadata: Vec<HeaderEntry>,
    /// `count`, and `bytes` where it is known.
    #[schema(value_type = Object)]
    tensors: Value,
}

/// One entry.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HeaderEntry {
    key: String,
    /// As in `u32`, `string`, `array of string`.
    r#type: String,
    /// The value; of an array `{length, offset, first: [..]}`.
    value: Value,
}

/// What the file of a model says of itself, in GGUF or safetensors. Of arrays, so many items from the one at `offset` on.
#[utoipa::path(
    get, path = "/api/v1/models/{name}/header", tag = "models",
    params(
        ("name" = String, Path),
        ("array_limit" = Option<usize>, Query, description = "Items of each array, 20 by default, 1000 at most"),
        ("offset" = Option<usize>, Query, description = "The first item of each array, 0 by default"),
    ),
    responses(
        (status = 200, body = ModelHeader),
        (status = 404, body = crate::openapi::Error),
        (status = 422, description = "The file has no header", body = crate::openapi::Error),
    ),
)]
pub(crate) async fn header(
    State(state): State<ControlState>,
    Path(name): Path<String>,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<ModelHeader>, ApiError> {
    let Query(asked) = query.map_err(|rejection| {
        let remedy = "Send ?array_limit= and &offset= with whole numbers, or leave them out.";
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_query", rejection.body_text(), remedy)
    })?;
    let path = file_of(&state, &name).await?;
    let slice = Slice { from: asked.offset, count: asked.array_limit.unwrap_or(ITEMS).min(MOST) };
    let read = tokio::task::spawn_blocking(move || read(&path, slice));
    Ok(Json(read.await.map_err(|error| ended(&error))?.map_err(|error| failed::models(&error))?))
}

/// Which items of arrays are told.
#[derive(Debug, Clone, Copy)]
struct Slice {
    from: usize,
    count: usize,
}

fn read(path: &FilePath, slice: Slice) -> Result<ModelHeader, ModelsError> {
    let disk = |source| ModelsError::Disk { path: path.to_owned(), action: "read", source };
    let mut first = Vec::new();
    File::open(path).map_err(disk)?.take(4).read_to_end(&mut first).map_err(disk)?;
    if first == b"GGUF" {
        let options = ReadOptions { arrays: ArrayMode::Read };
        let failed = |source| ModelsError::Gguf { what: path.display().to_string(), source };
        return Ok(of_gguf(&Header::open_model_with(path, options).map_err(failed)?, slice));
    }
    let found = inspect(path)?;
    let header = SafetensorsHeader::open(path).map_err(|_| {
        let cause = "it is an archive that is never opened, as it may hold a program".to_owned();
        ModelsError::NotAModel { path: path.to_owned(), cause }
    })?;
    // Kinds and facts can always be shown.
    let facts = serde_json::to_value(&found.facts).unwrap_or_default();
    Ok(of_safetensors(&header, &json!(found.kind), facts))
}

fn of_gguf(header: &Header, slice: Slice) -> ModelHeader {
    let entry = |(key, value): (&str, &Entry)| HeaderEntry {
        key: key.to_owned(),
        r#type: type_of(value),
        value: shown(value, slice),
    };
    let types = WeightSizes::of(header).by_type;
    let facts = serde_json::to_value(Facts::of(header)).unwrap_or_default();
    ModelHeader {
        essential: known(facts),
        metadata: header.metadata().iter().map(entry).collect(),
        tensors: known(json!({
            "count": header.tensors().len(),
            "bytes": header.tensor_bytes(),
            "elements": header.element_count(),
            "types": types,
        })),
    }
}

fn of_safetensors(header: &SafetensorsHeader, kind: &Value, facts: Value) -> ModelHeader {
    let entry = |(key, text): (&String, &String)| HeaderEntry {
        key: key.clone(),
        r#type: "string".to_owned(),
        value: text.as_str().into(),
    };
    let mut types = BTreeMap::<&str, u64>::new();
    for tensor in &header.tensors {
        *types.entry(&tensor.dtype).or_default() += tensor.range.1.saturating_sub(tensor.range.0);
    }
    let mut essential = facts;
    essential["kind"] = kind.clone();
    ModelHeader {
        essential: known(essential),
        metadata: header.metadata.iter().map(entry).collect(),
        tensors: json!({
            "count": header.tensors.len(),
            "bytes": types.values().sum::<u64>(),
            "elements": header.element_count(),
            "types": types,
        }),
    }
}

/// The same without what is not known.
fn known(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            fields.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

fn type_of(value: &Entry) -> String {
    match value {
        Entry::Array(array) => format!("array of {}", array.element_type().name()),
        other => other.value_type().name().to_owned(),
    }
}

fn shown(value: &Entry, slice: Slice) -> Value {
    match value {
        Entry::Array(array) => array_shown(array, slice),
        Entry::Bool(value) => json!(value),
        Entry::F32(value) => json!(value),
        Entry::F64(value) => json!(value),
        Entry::String(text) => json!(text.to_string_lossy()),
        Entry::I8(value) => json!(value),
        Entry::I16(value) => json!(value),
        Entry::I32(value) => json!(value),
        Entry::I64(value) => json!(value),
        Entry::U8(value) => json!(value),
        Entry::U16(value) => json!(value),
        Entry::U32(value) => json!(value),
        Entry::U64(value) => json!(value),
    }
}

fn array_shown(array: &Array, slice: Slice) -> Value {
    let Slice { from, count } = slice;
    let item = |element: Element<'_>| match element {
        Element::Unsigned(value) => json!(value),
        Element::Signed(value) => json!(value),
        Element::F32(value) => json!(value),
        Element::F64(value) => json!(value),
        Element::Bool(value) => json!(value),
        Element::String(bytes) => json!(String::from_utf8_lossy(bytes)),
        Element::Array(array) => array_shown(array, slice),
    };
    let first: Vec<_> =
        array.elements().into_iter().flat_map(|all| all.range(from, count)).map(item).collect();
    json!({ "length": array.count(), "offset": from, "first": first })
}
