//! Forms (`multipart/form-data`) as JSON: OpenAI's clients send edits so.

use serde_json::{Map, Value, json};

use crate::encode_base64;

/// The fields that are numbers, flags or lists; of all others the text is the value.
const NOT_TEXT: [&str; 12] = [
    "n",
    "output_compression",
    "stream",
    "progress",
    "partial_images",
    "steps",
    "cfg_scale",
    "guidance",
    "seed",
    "clip_skip",
    "strength",
    "loras",
];

/// Adds one part of a form to the JSON of a request. `image`, `image[]` and `mask` are files; a second image makes
/// a list. Numbers and flags become such, so that [`ImageRequest::of_json`](crate::ImageRequest::of_json) checks
/// what they are; a text that is none stays a text, and is refused there with the field's name.
pub fn form_field(request: &mut Map<String, Value>, name: &str, content: &[u8]) {
    let name = name.strip_suffix("[]").unwrap_or(name);
    match name {
        "image" => {
            let image = json!(encode_base64(content));
            match request.get_mut(name) {
                None => drop(request.insert(name.to_owned(), image)),
                Some(Value::Array(images)) => images.push(image),
                Some(first) => *first = json!([first.take(), image]),
            }
        }
        "mask" => drop(request.insert(name.to_owned(), json!(encode_base64(content)))),
        _ => {
            let text = String::from_utf8_lossy(content);
            let value = NOT_TEXT.contains(&name).then(|| serde_json::from_str(&text).ok()).flatten();
            request.insert(name.to_owned(), value.unwrap_or_else(|| json!(text)));
        }
    }
}
