//! What a catalog recommends for a model, as settings that it is loaded with.

use std::collections::BTreeMap;

use loadmaster_core::{ModelKind, Settings};
use serde_json::{Map, Value};

/// Recommendations for language models that are settings by their own name. Others are for people, and are shown
/// alone.
const LOADING: &[&str] = &[
    "context_length",
    "parallel",
    "cache_type_k",
    "cache_type_v",
    "flash_attention",
    "batch_size",
    "ubatch_size",
    "cpu_moe_layers",
    "swa_full",
];

/// The same for models that make images.
const PAINTING: &[&str] = &["steps", "cfg_scale", "sampler", "pixels", "flash_attention", "vae_tiling"];

/// How tokens are drawn where a request does not say it, and the flag of the server for each.
const SAMPLING: &[(&str, &str)] = &[
    ("temperature", "temp"),
    ("top_p", "top-p"),
    ("top_k", "top-k"),
    ("min_p", "min-p"),
    ("repeat_penalty", "repeat-penalty"),
    ("presence_penalty", "presence-penalty"),
];

/// The setting for further flags of a server.
pub(crate) const EXTRA: &str = "extra";

/// What is recommended for a model of that kind, as settings.
pub(crate) fn settings(kind: ModelKind, recommended: &BTreeMap<String, Value>) -> Settings {
    if kind == ModelKind::Image {
        return of_images(recommended);
    }
    let mut settings = Settings::new();
    let mut flags = Map::new();
    for (name, value) in recommended {
        if LOADING.contains(&name.as_str()) {
            settings.insert(name.clone(), value.clone());
        } else if let Some(flag) = flag(name) {
            flags.insert(flag.to_owned(), value.clone());
        }
    }
    if !flags.is_empty() {
        settings.insert(EXTRA.to_owned(), flags.into());
    }
    settings
}

fn of_images(recommended: &BTreeMap<String, Value>) -> Settings {
    let named = recommended.iter().filter(|(name, _)| PAINTING.contains(&name.as_str()));
    let mut settings: Settings = named.map(|(name, value)| (name.clone(), value.clone())).collect();
    let side = |name: &str| recommended.get(name).and_then(Value::as_u64);
    if let (Some(width), Some(height)) = (side("width"), side("height")) {
        // Memory is kept for images of that size; a larger one asks for more.
        settings.entry("pixels").or_insert_with(|| width.saturating_mul(height).into());
    }
    settings
}

/// What takes the place of the recommendation `name` in `settings`.
pub(crate) fn replaced<'a>(name: &str, settings: &'a Settings) -> Option<&'a Value> {
    let by_flag = || {
        let flags = settings.get(EXTRA)?.as_object()?;
        let wanted = flag(name)?;
        flags.iter().find(|(given, _)| plain(given) == wanted).map(|(_, value)| value)
    };
    settings.get(name).or_else(by_flag)
}

/// Lays settings over others. Each flag of the server counts by itself.
pub(crate) fn lay_over(settings: &mut Settings, above: Settings) {
    for (name, value) in above {
        match (settings.get_mut(&name), value) {
            (Some(Value::Object(below)), Value::Object(flags)) if name == EXTRA => {
                below.retain(|known, _| !flags.keys().any(|flag| plain(flag) == plain(known)));
                below.extend(flags);
            }
            (_, value) => {
                settings.insert(name, value);
            }
        }
    }
}

fn flag(name: &str) -> Option<&'static str> {
    SAMPLING.iter().find(|(known, _)| *known == name).map(|(_, flag)| *flag)
}

/// A flag without its dashes.
fn plain(flag: &str) -> &str {
    flag.trim_start_matches('-')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(json: Value) -> Settings {
        match json {
            Value::Object(settings) => settings,
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn what_is_recommended_for_images_is_for_them_alone() {
        let recommended =
            [("steps", json!(4)), ("width", json!(512)), ("height", json!(768)), ("top_k", json!(1))];
        let recommended = recommended.map(|(name, value)| (name.to_owned(), value)).into();
        assert_eq!(settings(ModelKind::Image, &recommended), of(json!({ "steps": 4, "pixels": 393_216 })));
        assert_eq!(settings(ModelKind::Text, &recommended), of(json!({ "extra": { "top-k": 1 } })));
    }

    #[test]
    fn recommendations_lie_beneath_everything() {
        let recommended = BTreeMap::from([
            ("context_length".to_owned(), json!(4096)),
            ("temperature".to_owned(), json!(0.6)),
            ("top_k".to_owned(), json!(20)),
            ("steps".to_owned(), json!(4)),
        ]);
        let mut all = settings(ModelKind::Text, &recommended);
        assert_eq!(all, of(json!({ "context_length": 4096, "extra": { "temp": 0.6, "top-k": 20 } })));
        let own = of(json!({ "context_length": 512, "extra": { "--temp": 1, "no-warmup": null } }));
        assert_eq!(replaced("temperature", &own), Some(&json!(1)));
        assert_eq!(replaced("context_length", &own), Some(&json!(512)));
        assert_eq!((replaced("top_k", &own), replaced("steps", &own)), (None, None));
        lay_over(&mut all, own);
        let expected =
            json!({ "context_length": 512, "extra": { "--temp": 1, "top-k": 20, "no-warmup": null } });
        assert_eq!(all, of(expected));
    }
}
