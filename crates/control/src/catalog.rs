//! `GET /api/v1/catalog`: models with short names, and which of them fit this machine. Nobody else is asked.

use std::collections::BTreeMap;

use axum::{Json, Router, extract::State, routing::get};
use loadmaster_core::{Machine, Model, ModelKind};
use loadmaster_models::{
    Budget, Catalog, CatalogModel, HubFile, HubPlace, Kind, Quantisation, RelativePath, Role, candidates,
    choose,
};
use loadmaster_orchestrator::Status;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{ApiError, ControlState, by_size, failed, fit::Fit, logs::ended};

/// Bytes of a GB, as pages of models count them.
const GB: f64 = 1e9;

/// The quantisation that is assumed of a model whose sizes are not known, with its bits for each weight as llama.cpp's
/// `quantize` lists them for models of 8 billion weights.
const USUAL: (&str, f64) = ("Q4_K_M", 4.89);

/// A model with a short name.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Preset {
    /// Its short name: what `POST /api/v1/downloads` takes as `source`, and what it is called here then.
    name: String,
    /// What people call it.
    title: String,
    /// What it is for: `language`, `image`, `embedding`, `reranker`, `other`.
    kind: &'static str,
    /// Where its weights are.
    repo: String,
    /// Its licence, where the catalog knows it.
    licence: Option<String>,
    /// Where the licence can be read.
    licence_url: Option<String>,
    /// Number of weights, as in `1B`.
    parameters: Option<String>,
    /// Sizes of its quantisations in bytes, as its page shows them, to three digits.
    sizes: BTreeMap<String, u64>,
    /// The quantisation that suits this machine, as far as the catalog knows them; the hub is asked when it is
    /// downloaded.
    quantisation: Option<String>,
    /// Bytes of that with the parts that it needs, about; null where nothing tells.
    bytes: Option<u64>,
    /// The other files that it needs.
    parts: Vec<PresetPart>,
    /// Settings that suit it.
    #[schema(value_type = Object)]
    recommended: BTreeMap<String, Value>,
    /// Whether it is in the library.
    installed: bool,
    /// Whether it fits this machine now, judged by its size.
    fit: Fit,
}

/// A file that a model needs beside its weights.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct PresetPart {
    /// What it is to the model.
    #[schema(value_type = String)]
    role: Role,
    /// Where it is.
    repo: String,
    /// Its path there.
    file: Option<String>,
}

/// All of them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Presets {
    presets: Vec<Preset>,
}

pub(crate) fn routes() -> Router<ControlState> {
    Router::new().route("/api/v1/catalog", get(catalog))
}

/// Models with short names, and which of them fit this machine now. It is told from what the catalog says: nothing is
/// asked of the network.
#[utoipa::path(
    get, path = "/api/v1/catalog", tag = "models",
    responses(
        (status = 200, body = Presets),
        (status = 500, description = "The user's own catalog is wrong", body = crate::openapi::Error),
    ),
)]
pub(crate) async fn catalog(State(state): State<ControlState>) -> Result<Json<Presets>, ApiError> {
    let catalog = state.program.catalog().await?;
    let budget = state.program.budget().await?;
    let library = state.library.clone();
    let listed = tokio::task::spawn_blocking(move || library.list()).await.map_err(|error| ended(&error))?;
    let listed = listed.map_err(|error| failed::models(&error))?;
    let (machine, status) = (state.machine.read().await?, state.orchestrator.status().await?);
    let mut presets = Vec::new();
    for model in &catalog.models {
        let size = Size::of(model, &catalog, budget);
        let fit = fit(&state, model, size.bytes, &machine, &status).await?;
        let installed =
            listed.models.iter().any(|listed| model.name.is_same_folder(listed.manifest.name.as_str()));
        presets.push(preset(model, size, installed, fit));
    }
    Ok(Json(Presets { presets }))
}

fn preset(model: &CatalogModel, size: Size, installed: bool, fit: Fit) -> Preset {
    let parts = model.components.iter().map(|part| PresetPart {
        role: part.role,
        repo: part.place.repo.clone(),
        file: part.place.file.as_ref().map(ToString::to_string),
    });
    Preset {
        name: model.name.to_string(),
        title: model.title.clone(),
        kind: kind(model.kind),
        repo: model.place.repo.clone(),
        licence: model.licence.clone(),
        licence_url: model.licence_url.clone(),
        parameters: model.parameters.clone(),
        sizes: model.sizes.iter().map(|(name, gb)| (name.clone(), bytes(*gb * GB))).collect(),
        quantisation: size.quantisation,
        bytes: size.bytes,
        parts: parts.collect(),
        recommended: model.recommended.clone(),
        installed,
        fit,
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Llm => "language",
        Kind::Diffusion => "image",
        Kind::Embedding => "embedding",
        Kind::Reranker => "reranker",
        _ => "other",
    }
}

async fn fit(
    state: &ControlState,
    model: &CatalogModel,
    bytes: Option<u64>,
    machine: &Machine,
    status: &Status,
) -> Result<Fit, ApiError> {
    let Some(bytes) = bytes else {
        return Ok(Fit::unknown("The catalog does not know how large it is: ask for an estimate."));
    };
    let is_image = model.kind == Kind::Diffusion;
    let kind = if is_image { ModelKind::Image } else { ModelKind::Text };
    let model = Model { id: model.name.to_string(), kind, path: model.name.as_str().into() };
    let estimate = by_size::estimate(bytes, machine, &status.budgets);
    let preview = state.orchestrator.foretell(model, estimate, machine.clone()).await?;
    Ok(Fit::of(&preview, status))
}

/// How large a preset is, as far as the catalog tells.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Size {
    quantisation: Option<String>,
    bytes: Option<u64>,
}

impl Size {
    /// Of the quantisation that suits `budget`, or of the one whose file is named; and of the parts whose repository
    /// the catalog has sizes of.
    fn of(model: &CatalogModel, catalog: &Catalog, budget: Budget) -> Self {
        let Some((quantisation, weights)) = chosen(&model.place, &model.sizes, budget)
            .or_else(|| Some((USUAL.0.to_owned(), by_parameters(model.parameters.as_deref()?)?)))
        else {
            return Self { quantisation: None, bytes: None };
        };
        let parts = model.components.iter().filter_map(|part| {
            let same = catalog.models.iter().find(|other| other.place.repo == part.place.repo)?;
            chosen(&part.place, &same.sizes, budget).map(|(_, bytes)| bytes)
        });
        Self { quantisation: Some(quantisation), bytes: Some(parts.fold(weights, u64::saturating_add)) }
    }
}

/// The quantisation of the file that `place` names, or else the one that suits `budget`; with its bytes.
fn chosen(place: &HubPlace, sizes: &BTreeMap<String, f64>, budget: Budget) -> Option<(String, u64)> {
    let files = sizes.iter().filter_map(|(name, gb)| {
        let path = RelativePath::new(format!("{name}.gguf")).ok()?;
        Some(HubFile { path, size: bytes(*gb * GB), sha256: None })
    });
    let candidates = candidates(&files.collect::<Vec<_>>());
    let named = place.file.as_ref().and_then(|file| Quantisation::of_path(file.as_str()));
    let choice = choose(&candidates, named.as_ref(), budget, None)
        .or_else(|| choose(&candidates, None, budget, None))?;
    let quantisation = candidates[choice.index].quantisation.as_ref()?.to_string();
    Some((quantisation, choice.bytes))
}

/// About how many bytes a model of so many weights is, in the usual quantisation: of `4B`, or `135M`.
fn by_parameters(parameters: &str) -> Option<u64> {
    let (number, unit) = parameters.split_at(parameters.find(|one: char| one.is_ascii_alphabetic())?);
    let unit = match unit {
        "B" => 1e9,
        "M" => 1e6,
        _ => return None,
    };
    Some(bytes(number.parse::<f64>().ok()? * unit * USUAL.1 / 8.0))
}

/// A length from a figure for people. What is less than nothing is nothing.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "floats that are converted saturate, and sizes have three digits"
)]
fn bytes(figure: f64) -> u64 {
    figure.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Budget = Budget { accelerators: 0, host: 64 << 30 };

    #[test]
    fn sizes_are_those_of_what_would_be_taken() {
        let catalog = Catalog::embedded().unwrap();
        let size = |name: &str, budget| {
            let size = Size::of(catalog.find(name).unwrap(), &catalog, budget);
            (size.quantisation.unwrap_or_default(), size.bytes.unwrap_or_default())
        };
        assert_eq!(size("llama-3.2-1b", ROOM), ("Q8_0".to_owned(), 1_320_000_000));
        let little = Budget { accelerators: 0, host: 3 << 29 };
        assert_eq!(size("llama-3.2-1b", little), ("Q6_K".to_owned(), 1_020_000_000));
        // The file is named, and its quantisation is not the largest.
        assert_eq!(size("sdxl-lightning", ROOM), ("Q4_1".to_owned(), 2_800_000_000));
        // With its text encoder, of which another preset tells the size.
        assert_eq!(size("flux-2-klein", ROOM).1, 2_500_000_000 + 2_500_000_000);
        // By the number of its weights.
        assert_eq!(size("llama-3.1-70b", ROOM), ("Q4_K_M".to_owned(), 42_787_500_000));
    }

    #[test]
    fn weights_are_counted_in_words() {
        assert_eq!(by_parameters("135M"), Some(82_518_750));
        assert_eq!(by_parameters("0.6B"), Some(366_750_000));
        for odd in ["", "B", "8x7B", "7", "7T"] {
            assert_eq!(by_parameters(odd), None, "{odd}");
        }
    }

    #[test]
    fn every_preset_of_the_program_has_a_size() {
        let catalog = Catalog::embedded().unwrap();
        for model in &catalog.models {
            assert!(Size::of(model, &catalog, ROOM).bytes > Some(50_000_000), "{}", model.name);
        }
    }
}
