//! One model, as it is told.

use std::path::{Path, PathBuf};

use loadmaster_core::ModelKind;
use loadmaster_models::{Damaged, Facts, Format, Kind, Listed, Manifest, Role, Source};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::fit::Fit;

/// A file of a model.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct ModelPart {
    /// What it is to the model: `weights`, `vae`, `mmproj`, ...
    role: &'static str,
    #[schema(value_type = String)]
    path: PathBuf,
    /// Its length in bytes.
    bytes: u64,
}

/// A model, and how it stands with it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Model {
    pub(crate) name: String,
    /// `language`, `image`, `embedding`, `reranker`, `projector`, `lora`, `text_encoder`, `vae`, `other`.
    kind: &'static str,
    /// That of its latest instance (`starting`, `ready`, `draining`, `stopping`, `stopped`, `crashed`); `unloaded` if it
    /// had none, `not_offered` if requests cannot name it.
    pub(crate) state: &'static str,
    /// What it was pulled by, where it was copied from, or `configuration`.
    origin: Option<String>,
    /// Its file; of a split model the first.
    #[schema(value_type = Option<String>)]
    path: Option<PathBuf>,
    /// Bytes of all its files.
    bytes: u64,
    parts: Vec<ModelPart>,
    /// `gguf`, `safetensors`, `checkpoint` or `unknown`.
    #[schema(value_type = String)]
    format: Format,
    architecture: Option<String>,
    /// As in `Q4_K_M`.
    quantisation: Option<String>,
    /// Number of weights.
    parameters: Option<u64>,
    /// Tokens that it was trained to attend to.
    context_length: Option<u64>,
    /// `vision`, `tools`, `reasoning`.
    features: Vec<&'static str>,
    /// Whether requests can name it.
    pub(crate) configured: bool,
    /// Why it cannot be used: the object that errors of this API have.
    #[schema(value_type = Option<Object>)]
    error: Option<Value>,
    /// Whether it fits this machine now.
    pub(crate) fit: Fit,
}

impl Model {
    /// Of a model of the library at `root`.
    pub(super) fn of_library(listed: &Listed, root: &Path) -> Self {
        let Listed { manifest, size, missing, .. } = listed;
        let part = |role, file| {
            let path = manifest.path(root, file);
            ModelPart { role, path, bytes: file.size }
        };
        let weights = manifest.weights.iter().map(|file| part("weights", file));
        let components = manifest.components.iter().map(|one| part(one.role.name(), &one.file));
        let parts: Vec<_> = weights.chain(components).collect();
        let sees = manifest.components.iter().any(|one| one.role == Role::Mmproj);
        let path = parts.first().map(|part| part.path.clone());
        let mut model =
            Self::of_facts(&manifest.name.to_string(), kind(manifest.kind), &manifest.facts, sees);
        model.error = (!missing.is_empty()).then(|| {
            let names: Vec<_> = missing.iter().map(|path| path.display().to_string()).collect();
            let message =
                format!("These files are not where they were, or have another length: {}", names.join(", "));
            problem("file_not_found", &message, "Put them back, or delete the model and get it again.")
        });
        Self { origin: origin(manifest), path, bytes: *size, parts, ..model }
    }

    /// Of a folder of the library whose manifest cannot be used.
    pub(super) fn of_damaged(damaged: &Damaged) -> Self {
        let model = Self::of_facts(&damaged.name, "other", &Facts::default(), false);
        let error = Some(problem("damaged", &damaged.problem, &damaged.remedy));
        Self { error, fit: Fit::unknown(damaged.problem.clone()), ..model }
    }

    /// Of a model whose file the configuration or the command line names.
    pub(super) fn of_configuration(
        name: &str,
        of: ModelKind,
        path: &Path,
        read: &Result<Inspection, Value>,
    ) -> Self {
        let told = if of == ModelKind::Image { "image" } else { "language" };
        let nothing = Inspection::default();
        let (found, error) = match read {
            Ok(found) => (found, None),
            Err(error) => (&nothing, Some(error.clone())),
        };
        let kind = found.kind.map_or(told, |found| match kind(found) {
            "other" => told,
            known => known,
        });
        let files = found.files.iter();
        let part =
            |(path, bytes): &(PathBuf, u64)| ModelPart { role: "weights", path: path.clone(), bytes: *bytes };
        let model = Self::of_facts(name, kind, &found.facts, false);
        Self {
            origin: Some("configuration".to_owned()),
            path: Some(path.to_owned()),
            bytes: found.files.iter().map(|(_, bytes)| bytes).sum(),
            parts: files.map(part).collect(),
            error,
            ..model
        }
    }

    fn of_facts(name: &str, kind: &'static str, facts: &Facts, sees: bool) -> Self {
        let features = [("vision", sees), ("tools", facts.tool_use), ("reasoning", facts.reasoning)];
        Self {
            name: name.to_owned(),
            kind,
            state: "not_offered",
            origin: None,
            path: None,
            bytes: 0,
            parts: Vec::new(),
            format: facts.format,
            architecture: facts.architecture.clone(),
            quantisation: facts.quantisation.clone(),
            parameters: facts.parameter_count,
            context_length: facts.context_length,
            features: features.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect(),
            configured: false,
            error: None,
            fit: Fit::unknown("It is not loaded by itself."),
        }
    }

    /// Whether its files are as they should be.
    pub(super) fn is_whole(&self) -> bool {
        self.error.is_none()
    }
}

/// What the file of a model says of itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Inspection {
    pub(super) kind: Option<Kind>,
    pub(super) facts: Facts,
    /// Its files, with their lengths in bytes.
    pub(super) files: Vec<(PathBuf, u64)>,
}

fn problem(code: &str, message: &str, remedy: &str) -> Value {
    json!({ "message": message, "type": "server_error", "param": null, "code": code, "remedy": remedy })
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Llm => "language",
        Kind::Diffusion => "image",
        Kind::Embedding => "embedding",
        Kind::Reranker => "reranker",
        Kind::VisionProjector => "projector",
        Kind::Lora => "lora",
        Kind::TextEncoder => "text_encoder",
        Kind::Vae => "vae",
        _ => "other",
    }
}

fn origin(manifest: &Manifest) -> Option<String> {
    let source = || manifest.weights.first()?.source.as_ref();
    let place =
        |source: &Source| source.repo.clone().or_else(|| source.url.clone()).or_else(|| source.path.clone());
    manifest.reference.clone().or_else(|| source().and_then(place))
}
