//! What an image model in one file is.

use loadmaster_checkpoint::{Checkpoint, Family, Parts, Role, Runs, memory};
use loadmaster_core::Bytes;
use serde_json::{Value, json};

use super::contents;

/// What is shown of it: what it is, what it lacks to be run alone, and what an image of its usual size takes.
pub(super) fn rows(parts: &Parts) -> Vec<[String; 2]> {
    let mut rows = Vec::new();
    let mut put = |name: &str, value: String| rows.push([name.to_owned(), contents::printable(&value)]);
    put("kind", kind(parts.main()));
    if let Some(family) = parts.family() {
        put("family", family.to_string());
    }
    if let Some(task) = parts.task() {
        put("made for", task.as_str().to_owned());
    }
    let roles: Vec<&str> = parts.roles().into_iter().map(Role::as_str).collect();
    if !roles.is_empty() {
        put("parts", roles.join(", "));
    }
    for missing in parts.missing(Runs::Resident) {
        put("needs", missing.to_string());
    }
    if let Some((side, memory)) = usual(parts) {
        let peaks =
            format!("{} once, {} kept loaded", Bytes(memory.one_shot.host), Bytes(memory.resident.host));
        put(&format!("image of {side} x {side}"), peaks);
    }
    put("tensors", parts.main().tensors.len().to_string());
    put("file", Bytes(parts.main().file_bytes).to_string());
    rows
}

/// The same as JSON; sizes in bytes.
pub(super) fn as_json(parts: &Parts) -> Value {
    let missing = |runs| -> Vec<Value> {
        let missing = parts.missing(runs).into_iter();
        missing
            .map(|missing| json!({ "role": missing.role, "or": missing.or, "otherwise": missing.otherwise }))
            .collect()
    };
    json!({
        "format": parts.main().format,
        "contents": parts.main().contents(),
        "family": parts.family(),
        "task": parts.task(),
        "parts": parts.roles(),
        "missing": { "resident": missing(Runs::Resident), "one_shot": missing(Runs::OneShot) },
        "defaults": parts.family().map(Family::defaults),
        "memory": usual(parts).map(|(_, memory)| memory),
        "tensor_count": parts.main().tensors.len(),
        "file_bytes": parts.main().file_bytes,
    })
}

/// What an image of the family's usual size takes, if the file is enough for one.
fn usual(parts: &Parts) -> Option<(u32, memory::PhaseMemory)> {
    let side = parts.family().filter(|_| parts.missing(Runs::OneShot).is_empty())?.defaults().side;
    Some((side, memory::peak(parts, &memory::Ask::of(side, side)).ok()?))
}

/// The name that the contents have in JSON.
fn kind(file: &Checkpoint) -> String {
    super::shown(&file.contents()).unwrap_or_default()
}
