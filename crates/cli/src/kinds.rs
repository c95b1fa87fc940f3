//! What the model in a file is for.

use std::path::Path;

use loadmaster_core::{ModelKind, Settings};
use loadmaster_gguf::{Header, Kind};

/// Files of these are checkpoints of image models: language models come as GGUF here.
const CHECKPOINTS: [&str; 4] = ["safetensors", "ckpt", "pt", "pth"];

/// The setting that names the parts of an image model by their roles. No other model has parts.
pub(crate) const COMPONENTS: &str = "components";

/// What the model in `file`, loaded with `settings`, is for: by its parts, its name, and of a GGUF file by its
/// header, which is read. A file that cannot be read is left to the backend of language models, which says why.
pub(crate) fn of(file: &Path, settings: &Settings) -> ModelKind {
    let extension = file.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    let extension = extension.unwrap_or_default();
    let is_image = settings.contains_key(COMPONENTS)
        || CHECKPOINTS.contains(&extension.as_str())
        || extension == "gguf"
            && Header::open_model(file).is_ok_and(|header| Kind::of(&header) == Kind::Diffusion);
    if is_image { ModelKind::Image } else { ModelKind::Text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_names_tell_images_from_text() {
        let none = Settings::new();
        for (file, kind) in [
            ("/nowhere/sd15.safetensors", ModelKind::Image),
            ("/nowhere/SD15.CKPT", ModelKind::Image),
            ("/nowhere/llama.gguf", ModelKind::Text),
            ("/nowhere/model", ModelKind::Text),
        ] {
            assert_eq!(of(Path::new(file), &none), kind, "{file}");
        }
        let parts = Settings::from_iter([(COMPONENTS.to_owned(), serde_json::json!({ "vae": "/v" }))]);
        assert_eq!(of(Path::new("/nowhere/flux.gguf"), &parts), ModelKind::Image);
    }
}
