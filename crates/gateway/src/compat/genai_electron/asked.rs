//! What its clients ask for, in our words. Its server was JavaScript: what counts as left out, and as a number, is what
//! counts as such there.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Refused, internal, refused};

/// The side of an image, in pixels, where none was given: stable-diffusion.cpp's, and what was told of the result.
const SIDE: f64 = 512.0;

/// stable-diffusion.cpp rounds sides up to a multiple of so many pixels.
const MULTIPLE: u32 = 8;

/// The most images of one generation.
const MOST: u32 = 5;

/// Its fields by our names. What is 0 or empty was left out there, and is here; a seed below 0 is a random one.
pub(super) fn translated(config: &Value, model: Option<String>) -> Result<Value, Refused> {
    if config.is_null() {
        // The one JSON of which no field could be read there.
        let message = "Cannot read properties of null (reading 'prompt')";
        return Err(internal(message));
    }
    if !truthy(&config["prompt"]) {
        return Err(invalid("Missing required field: prompt"));
    }
    let mut request = Map::new();
    request.insert("n".to_owned(), json!(count(config.get("count"))?));
    for (theirs, ours) in [
        ("prompt", "prompt"),
        ("negativePrompt", "negative_prompt"),
        ("sampler", "sampler"),
        ("model", "model"),
    ] {
        if truthy(&config[theirs]) {
            request.insert(ours.to_owned(), config[theirs].clone());
        }
    }
    for (theirs, ours) in [("steps", "steps"), ("cfgScale", "cfg_scale")] {
        if truthy(&config[theirs]) {
            request.insert(ours.to_owned(), as_number(&config[theirs]));
        }
    }
    if !config["seed"].is_null() {
        request.insert("seed".to_owned(), as_number(&config["seed"]));
    }
    request
        .insert("size".to_owned(), json!(format!("{}x{}", side(&config["width"]), side(&config["height"]))));
    if let Some(model) = model {
        request.insert("model".to_owned(), json!(model));
    }
    Ok(Value::Object(request))
}

fn invalid(message: &str) -> Refused {
    refused(StatusCode::BAD_REQUEST, "INVALID_REQUEST", message)
}

/// How many images. It counted up to that number: 2.5 are three. What is no number is neither too small nor too large,
/// and was one.
fn count(count: Option<&Value>) -> Result<u32, Refused> {
    let count = count.map_or(1.0, number);
    if count < 1.0 || count > f64::from(MOST) {
        return Err(invalid("count must be between 1 and 5"));
    }
    Ok((1..=MOST).find(|images| f64::from(*images) >= count).unwrap_or(1))
}

/// One side of the image, rounded up. What is no side is left as it is, to be refused by its name.
fn side(side: &Value) -> String {
    let number = if truthy(side) { number(side) } else { SIDE };
    // A number is shown without its fraction where it has none.
    match number.trunc().to_string().parse::<u32>() {
        Ok(pixels) => pixels.checked_next_multiple_of(MULTIPLE).unwrap_or(pixels).to_string(),
        Err(_) => side.to_string(),
    }
}

/// The same as a JSON number where it is a text of one.
fn as_number(value: &Value) -> Value {
    match value {
        Value::String(_) if number(value).is_finite() => json!(number(value)),
        _ => value.clone(),
    }
}

/// What JavaScript takes for that number; NaN where it is none.
fn number(value: &Value) -> f64 {
    match value {
        Value::Null => 0.0,
        Value::Bool(flag) => f64::from(u8::from(*flag)),
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
        Value::String(text) if text.trim().is_empty() => 0.0,
        Value::String(text) => text.trim().parse().unwrap_or(f64::NAN),
        Value::Array(_) | Value::Object(_) => f64::NAN,
    }
}

/// What JavaScript takes for true.
fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(config: &Value) -> Value {
        translated(config, None).unwrap_or_else(|refused| panic!("{refused:?}"))
    }

    #[test]
    fn what_was_left_out_there_is_left_out() {
        let least = json!({ "n": 1, "prompt": "a", "size": "512x512" });
        assert_eq!(of(&json!({ "prompt": "a" })), least);
        let falsy = json!({
            "prompt": "a", "negativePrompt": "", "width": 0, "height": null, "steps": 0, "cfgScale": 0, "sampler": "",
            "seed": null,
        });
        assert_eq!(of(&falsy), least);
        let unknown =
            json!({ "prompt": "a", "n": 9, "size": "8x8", "stream": true, "output_format": "jpeg" });
        assert_eq!(of(&unknown), least, "fields that it did not know are not read");
    }

    #[test]
    fn each_field_has_its_name() {
        let all = json!({
            "prompt": "a", "negativePrompt": "b", "width": 640, "height": 384, "steps": 8, "cfgScale": 1.5, "seed": 42,
            "sampler": "dpm++2m", "count": 3,
        });
        let ours = json!({
            "n": 3, "prompt": "a", "negative_prompt": "b", "sampler": "dpm++2m", "steps": 8, "cfg_scale": 1.5,
            "seed": 42, "size": "640x384",
        });
        assert_eq!(of(&all), ours);
        assert_eq!(translated(&json!({ "prompt": "a" }), Some("m".to_owned())).unwrap()["model"], "m");
    }

    #[test]
    fn it_counted_up_to_the_number() {
        for (count, images) in [
            (json!(1), 1),
            (json!(2.5), 3),
            (json!(4.1), 5),
            (json!("3"), 3),
            (json!(true), 1),
            (json!("x"), 1),
        ] {
            assert_eq!(of(&json!({ "prompt": "a", "count": count }))["n"], images, "{count}");
        }
        for count in
            [json!(0), json!(0.5), json!(5.1), json!(6), json!(-1), json!(null), json!(""), json!(false)]
        {
            let refused = translated(&json!({ "prompt": "a", "count": count }), None).unwrap_err();
            assert_eq!(
                (refused.code, &*refused.message),
                ("INVALID_REQUEST", "count must be between 1 and 5")
            );
        }
    }

    #[test]
    fn sides_are_rounded_up_and_those_that_are_not_given_are_512() {
        for (width, height, size) in [
            (json!(256), json!(null), "256x512"),
            (json!(0), json!(768), "512x768"),
            (json!(500), json!(1), "504x8"),
            (json!(512.0), json!("640"), "512x640"),
            (json!(64.9), json!(64), "64x64"),
        ] {
            let request = of(&json!({ "prompt": "a", "width": width, "height": height }));
            assert_eq!(request["size"], size, "{width} x {height}");
        }
        // What is no side is refused as a size, by its name.
        for (width, size) in
            [(json!("wide"), "\"wide\"x512"), (json!(-8), "-8x512"), (json!(1e20), "1e+20x512")]
        {
            assert_eq!(of(&json!({ "prompt": "a", "width": width }))["size"], size);
        }
    }

    #[test]
    fn numbers_may_be_texts() {
        let request = of(&json!({ "prompt": "a", "steps": "20", "cfgScale": "7.5", "seed": "-1" }));
        assert_eq!(request["steps"].as_f64(), Some(20.0));
        assert_eq!(request["cfg_scale"].as_f64(), Some(7.5));
        assert_eq!(request["seed"].as_f64(), Some(-1.0));
        assert_eq!(
            of(&json!({ "prompt": "a", "steps": "many" }))["steps"],
            "many",
            "to be refused by its name"
        );
    }

    #[test]
    fn without_a_prompt_there_is_nothing_to_do() {
        for config in
            [json!({}), json!([]), json!("a"), json!(7), json!({ "prompt": 0 }), json!({ "prompt": "" })]
        {
            let refused = translated(&config, None).unwrap_err();
            assert_eq!(
                (refused.code, &*refused.message),
                ("INVALID_REQUEST", "Missing required field: prompt")
            );
        }
        assert_eq!(translated(&Value::Null, None).unwrap_err().code, "INTERNAL_ERROR");
    }
}
