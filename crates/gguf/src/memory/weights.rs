//! What the tensors of the model take, and where.

use super::{
    load::Load,
    model::MemoryModel,
    overrides,
    placement::{Place, Placement},
    usage::Usage,
    weight::Weight,
};

/// Tensors begin at multiples of this many bytes in a buffer (`TENSOR_ALIGNMENT` of ggml's CPU
/// backend; devices have up to 256, which is less than a kilobyte for each of a model's tensors).
const ALIGNMENT: u64 = 32;

/// Adds each tensor where it lies (`ggml_backend_alloc_ctx_tensors_from_buft` in ggml-alloc.c). What
/// a processor needs beside the tensors of a device for padding rows is not counted.
pub(super) fn add(model: &MemoryModel, load: &Load, placement: &Placement, to: &mut Usage) {
    for weight in &model.weights {
        if is_unused(model, weight) {
            continue;
        }
        for place in places(weight, load, placement) {
            add_one(weight.bytes, place, load, to);
        }
    }
    if let Some((embedding, place)) = tied_output(model, load, placement) {
        add_one(embedding.bytes, place, load, to);
    }
    to.host.mapped_span = mapped_span(model, load, placement);
}

/// `get_mapping_range` in llama-model-loader.cpp.
fn mapped_span(model: &MemoryModel, load: &Load, placement: &Placement) -> u64 {
    if !load.mmap {
        return 0;
    }
    let used = model.weights.iter().filter(|weight| !is_unused(model, weight));
    let mapped = used.filter(|weight| places(weight, load, placement).contains(&Place::Host));
    let ends = mapped.map(|weight| (weight.offset, weight.offset.saturating_add(weight.bytes)));
    let whole = ends.reduce(|(first, last), (start, end)| (first.min(start), last.max(end)));
    whole.map_or(0, |(first, last)| last - first)
}

fn add_one(bytes: u64, place: Place, load: &Load, to: &mut Usage) {
    let bytes = bytes.checked_next_multiple_of(ALIGNMENT).unwrap_or(u64::MAX);
    let part = to.part(match place {
        Place::Device(device) => Some(device),
        Place::Host | Place::Pinned | Place::Repacked => None,
    });
    part.weights = part.weights.saturating_add(bytes);
    match place {
        Place::Repacked => part.repacked = part.repacked.saturating_add(bytes),
        Place::Host if load.mmap => part.mapped = part.mapped.saturating_add(bytes),
        Place::Host | Place::Pinned | Place::Device(_) => {}
    }
}

/// Factors of the rotation are one tensor in the file that every layer wants, so each buffer that has
/// layers gets a copy (`TENSOR_DUPLICATED` in src/models).
fn places(weight: &Weight, load: &Load, placement: &Placement) -> Vec<Place> {
    let is_shared = weight.layer.is_none() && weight.name.starts_with("rope_f");
    if !is_shared || overrides::wish(weight, load).is_some() {
        return vec![placement.weight(weight, load)];
    }
    placement.of_all_layers().to_vec()
}

/// The token embeddings where they serve as output matrix as well: loaded a second time, unless both
/// would lie in the same buffer.
pub(super) fn tied_output<'a>(
    model: &'a MemoryModel,
    load: &Load,
    placement: &Placement,
) -> Option<(&'a Weight, Place)> {
    let at = model.weight(None, "token_embd.weight").filter(|_| model.tied_output)?;
    let embedding = &model.weights[at];
    let place = placement.tied_output(embedding, load);
    // Gemma 3n and 4 ask for the output first, and so never find embeddings that they could share.
    let apart = model.is(&["gemma3n", "gemma4"]) || placement.splits_tied_output(embedding, load);
    (apart || place != placement.weight(embedding, load)).then_some((embedding, place))
}

/// Layers that predict further tokens are not loaded unless they are asked for (`TENSOR_SKIP`).
fn is_unused(model: &MemoryModel, weight: &Weight) -> bool {
    let normal = (model.layers.len() as u64).saturating_sub(model.shape.extra_layers);
    let needed = model.is(&["step35"]) && !is_skipped_by_step35(&weight.name);
    !needed && model.shape.extra_layers > 0 && weight.layer.is_some_and(|layer| layer as u64 >= normal)
}

/// Of those layers Step 3.5 has all loaded but these (`load_block_mtp` in step35.cpp).
fn is_skipped_by_step35(name: &str) -> bool {
    const SKIPPED: &[&str] =
        &["attn_q.weight", "attn_k.weight", "attn_v.weight", "attn_output.weight", "nextn.eh_proj.weight"];
    SKIPPED.contains(&name)
}
