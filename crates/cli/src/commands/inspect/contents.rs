//! What a header holds, entry by entry.

use loadmaster_core::Bytes;
use loadmaster_gguf::{Array, Element, Elements, Header, Value};
use serde_json::{Map, json};

/// How many elements of an array are shown.
const ELEMENTS: usize = 8;

/// How many characters of a string are shown: chat templates have thousands.
const CHARACTERS: usize = 160;

/// All metadata, in the file's order.
pub(super) fn metadata(header: &Header) -> Vec<[String; 2]> {
    let shown = |value: &Value| match value {
        Value::Array(array) => list(array),
        Value::String(text) => cut(&text.to_string_lossy()),
        other => other.to_string(),
    };
    header.metadata().iter().map(|(key, value)| [key.to_owned(), shown(value)]).collect()
}

/// The same as one object: arrays by type, count and first elements.
pub(super) fn metadata_json(header: &Header) -> serde_json::Value {
    let entries: Map<_, _> =
        header.metadata().iter().map(|(key, value)| (key.to_owned(), value_json(value))).collect();
    serde_json::Value::Object(entries)
}

fn value_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Array(array) => array_json(array),
        Value::Bool(value) => json!(value),
        Value::F32(value) => json!(value),
        Value::F64(value) => json!(value),
        Value::String(text) => json!(text.to_string_lossy()),
        Value::I8(_) | Value::I16(_) | Value::I32(_) | Value::I64(_) => {
            json!(value.to_string().parse::<i64>().ok())
        }
        Value::U8(_) | Value::U16(_) | Value::U32(_) | Value::U64(_) => json!(value.as_u64()),
    }
}

fn array_json(array: &Array) -> serde_json::Value {
    let first = |elements: &Elements| elements.range(0, ELEMENTS).map(element_json).collect::<Vec<_>>();
    json!({
        "array": array.element_type().name(),
        "count": array.count(),
        "first": array.elements().map(first),
    })
}

/// Numbers are numbers, and strings are whole.
fn element_json(element: Element<'_>) -> serde_json::Value {
    match element {
        Element::Unsigned(value) => json!(value),
        Element::Signed(value) => json!(value),
        Element::F32(value) => json!(value),
        Element::F64(value) => json!(value),
        Element::Bool(value) => json!(value),
        Element::String(bytes) => json!(String::from_utf8_lossy(bytes)),
        Element::Array(array) => array_json(array),
    }
}

/// For people: strings are cut.
fn element(element: Element<'_>) -> String {
    match element {
        Element::Unsigned(value) => value.to_string(),
        Element::Signed(value) => value.to_string(),
        Element::F32(value) => value.to_string(),
        Element::F64(value) => value.to_string(),
        Element::Bool(value) => value.to_string(),
        Element::String(bytes) => cut(&String::from_utf8_lossy(bytes)),
        Element::Array(array) => list(array),
    }
}

/// The table of tensors: name, type, shape, bytes.
pub(super) fn tensors(header: &Header) -> Vec<Vec<String>> {
    let heading = ["tensor", "type", "shape", "bytes"].map(str::to_owned).to_vec();
    let row = |tensor: &loadmaster_gguf::TensorInfo| {
        let shape: Vec<String> = tensor.dims.iter().map(u64::to_string).collect();
        let bytes = tensor.byte_size().map_or_else(|| "unknown".to_owned(), |bytes| Bytes(bytes).to_string());
        vec![printable(&tensor.name), tensor.kind.to_string(), shape.join(" x "), bytes]
    };
    std::iter::once(heading).chain(header.tensors().iter().map(row)).collect()
}

/// The same as a list; sizes in bytes, offsets from the start of the tensor data.
pub(super) fn tensors_json(header: &Header) -> serde_json::Value {
    let tensor = |tensor: &loadmaster_gguf::TensorInfo| {
        json!({
            "name": tensor.name,
            "type": tensor.kind.to_string(),
            "shape": tensor.dims,
            "offset": tensor.offset,
            "bytes": tensor.byte_size(),
        })
    };
    header.tensors().iter().map(tensor).collect()
}

/// The first elements, and how many are left out.
fn list(array: &Array) -> String {
    let Some(elements) = array.elements() else { return array.to_string() };
    let shown: Vec<String> = elements.range(0, ELEMENTS).map(element).collect();
    let left = elements.len() - shown.len();
    let more = if left > 0 { format!(", and {left} more") } else { String::new() };
    format!("[{}{more}]", shown.join(", "))
}

/// The beginning of a text on one line, and how much is left out.
fn cut(text: &str) -> String {
    let count = text.chars().count();
    let shown: String = text.chars().take(CHARACTERS).collect();
    let more = if count > CHARACTERS {
        format!(" ... and {} more characters", count - CHARACTERS)
    } else {
        String::new()
    };
    format!("{}{more}", printable(&shown))
}

/// A file's text as a terminal may show it: line breaks and other control characters escaped.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { shown.extend(c.escape_debug()) } else { shown.push(c) }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_and_texts_say_what_is_left_out() {
        let numbers = Elements::U32((0..20).collect());
        let first: Vec<_> = numbers.range(0, ELEMENTS).map(element_json).collect();
        assert_eq!(json!(first), json!([0, 1, 2, 3, 4, 5, 6, 7]));
        assert_eq!(numbers.range(18, ELEMENTS).map(element).collect::<Vec<_>>(), ["18", "19"]);
        assert_eq!(cut("it's\n\u{1b}[2J"), "it's\\n\\u{1b}[2J");
        assert!(cut(&"x".repeat(CHARACTERS + 7)).ends_with("xx ... and 7 more characters"));
    }
}
