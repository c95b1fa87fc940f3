//! Which device a layer and a tensor are put on.

use super::{
    load::Load,
    model::MemoryModel,
    overrides::{Wish, wish},
    weight::Weight,
};

/// Where a weight lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On the device of this number.
    Device(usize),
    /// On the host, as it is in the file.
    Host,
    /// On the host, in memory that the devices can read.
    Pinned,
    /// On the host, in a layout of its own.
    Repacked,
}

/// The devices of the layers.
#[derive(Debug, Clone)]
pub(super) struct Placement {
    /// For each layer its device; the output layer comes last. `None` is the host.
    layers: Vec<Option<usize>>,
    /// See [`Placement::of_all_layers`].
    places: Vec<Place>,
    /// See [`Placement::is_full`].
    full: bool,
    devices: usize,
    /// LFM2 calls its output norm so (`LLM_TENSOR_OUTPUT_NORM_LFM2`).
    ends_with_embedding_norm: bool,
}

impl Placement {
    /// The last layers go to the devices, first come the first devices, each by its share
    /// (`get_layer_buft_list` in `llama_model_base::load_tensors`, llama-model.cpp).
    pub(super) fn of(model: &MemoryModel, load: &Load) -> Self {
        let count = model.layers.len();
        let devices = load.devices.len().min(usize::from(super::MOST_DEVICES));
        let asked = usize::try_from(load.gpu_layers).unwrap_or(usize::MAX);
        let on_devices = if devices == 0 { 0 } else { asked.min(count + 1) };
        let first = (count + 1).saturating_sub(asked);
        let ends = shares(&load.devices[..devices]);
        let device = |layer: usize| {
            let nth = layer.checked_sub(first).filter(|&nth| nth < on_devices)?;
            #[expect(clippy::cast_precision_loss, reason = "llama.cpp divides as floats of 32 bits, too")]
            let part = nth as f32 / on_devices as f32;
            Some(ends.partition_point(|&end| end <= part).min(devices - 1))
        };
        let layers: Vec<_> = (0..=count).map(device).collect();
        let mut places: Vec<_> =
            layers[..count].iter().map(|layer| layer.map_or(Place::Host, Place::Device)).collect();
        // Neighbours share a place, so that no place comes twice.
        places.dedup();
        Self {
            full: devices > 0 && layers.iter().all(Option::is_some),
            layers,
            places,
            devices,
            ends_with_embedding_norm: model.is(&["lfm2", "lfm2moe"]),
        }
    }

    pub(super) fn devices(&self) -> usize {
        self.devices
    }

    /// Where the layers lie, each place once; without the output layer.
    pub(super) fn of_all_layers(&self) -> &[Place] {
        &self.places
    }

    pub(super) fn layer(&self, layer: usize) -> Option<usize> {
        self.layers.get(layer).copied().flatten()
    }

    pub(super) fn output(&self) -> Option<usize> {
        self.layers.last().copied().flatten()
    }

    /// Whether every layer and the output lie on devices.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// Where a weight lies: on the device of its layer, but the host keeps tables that are read
    /// before the first layer, and experts that were asked to stay (`buft_for_tensor` in
    /// llama-model-loader.cpp, `llm_tensor_info_for` in llama-arch.cpp).
    pub(super) fn weight(&self, weight: &Weight, load: &Load) -> Place {
        if let Some(wish) = wish(weight, load) {
            return self.wished(weight, wish, load);
        }
        let device = match weight.layer {
            Some(layer) if layer + 1 < self.layers.len() => self.layer(layer),
            _ if is_input(&weight.name) => None,
            // Norms of the embeddings count for the first layer (`LLM_TENSOR_TOKEN_EMBD_NORM`).
            // So does what makes the embeddings of each layer (`LLM_TENSOR_PER_LAYER_MODEL_PROJ`).
            _ if weight.name.starts_with("per_layer_")
                || weight.name.starts_with("token_embd_norm.") && !self.ends_with_embedding_norm =>
            {
                self.layer(0)
            }
            _ => self.output(),
        };
        self.place(weight, device, load)
    }

    /// A device takes what it is told to, whether it can compute with it or not; on the host the usual
    /// kinds of memory are tried.
    fn wished(&self, weight: &Weight, wish: Wish, load: &Load) -> Place {
        match wish {
            Wish::Device(device) if device < self.devices => Place::Device(device),
            Wish::Device(_) | Wish::Host => self.place(weight, None, load),
        }
    }

    /// Where the second copy of the token embeddings lies that serves as output matrix. It keeps its name,
    /// so that what is asked for the embeddings is asked for the copy.
    pub(super) fn tied_output(&self, embedding: &Weight, load: &Load) -> Place {
        if let Some(wish) = wish(embedding, load) {
            return self.wished(embedding, wish, load);
        }
        self.place(&as_output(embedding), self.output(), load)
    }

    /// Whether only one of the two is in the device's pinned memory. The engine's dry run does not map the
    /// file, so that there they are two tensors (`common_get_device_memory_data` in fit.cpp).
    pub(super) fn splits_tied_output(&self, embedding: &Weight, load: &Load) -> bool {
        load.dry_run && self.is_pinned(embedding, load) != self.is_pinned(&as_output(embedding), load)
    }

    fn is_pinned(&self, weight: &Weight, load: &Load) -> bool {
        load.accelerator.pinned_host && self.devices > 0 && is_held(weight, load)
    }

    fn place(&self, weight: &Weight, device: Option<usize>, load: &Load) -> Place {
        match device {
            Some(device) if device < self.devices && is_held(weight, load) => Place::Device(device),
            // The order of buffer types: `make_cpu_buft_list` in llama-model.cpp.
            _ if self.is_pinned(weight, load) => {
                if load.mmap {
                    Place::Host
                } else {
                    Place::Pinned
                }
            }
            _ if is_repacked(weight, load) => Place::Repacked,
            _ => Place::Host,
        }
    }
}

/// The token embeddings as output matrix.
fn as_output(embedding: &Weight) -> Weight {
    let mut output = embedding.clone();
    "output.weight".clone_into(&mut output.name);
    output
}

/// Where each device's part of the layers ends, as a share of all; by llama.cpp with floats.
fn shares(devices: &[f64]) -> Vec<f32> {
    let clean = |share: f64| if share.is_finite() && share > 0.0 { share } else { 0.0 };
    let sum: f64 = devices.iter().copied().map(clean).sum();
    let equal = sum <= 0.0 || !sum.is_finite();
    #[expect(clippy::cast_precision_loss, reason = "a number of devices")]
    let whole = if equal { devices.len() as f64 } else { sum };
    let mut end = 0.0;
    devices
        .iter()
        .map(|&share| {
            end += if equal { 1.0 } else { clean(share) };
            #[expect(clippy::cast_possible_truncation, reason = "llama.cpp computes with 32 bits")]
            let end = (end / whole) as f32;
            end
        })
        .collect()
}

/// Tensors that are read before the first layer (`LLM_TENSOR_LAYER_INPUT` in llama-arch.cpp).
fn is_input(name: &str) -> bool {
    const INPUT: &[&str] = &["token_embd", "position_embd", "token_types", "per_layer_token_embd"];
    name.split('.').next().is_some_and(|first| INPUT.contains(&first))
}

/// Whether a device can compute with this weight and a batch of 512 (`weight_buft_supported` in
/// llama-model-loader.cpp).
fn is_held(weight: &Weight, load: &Load) -> bool {
    // Mamba 2 has one number for each head, and delta networks multiply with them (`LLM_TENSOR_SSM_A_NOSCAN`).
    if load.accelerator.lacks_scan && weight.name == "ssm_a" && weight.ne[0] > 1 && weight.ne[1] > 1 {
        return false;
    }
    let Some(limit) = load.accelerator.largest_tensor else {
        return true;
    };
    let batch = |elements: u64| elements.saturating_mul(512 * 4);
    let product = weight.dimensions() > 1 && !weight.is_table();
    weight.bytes <= limit && (!product || batch(weight.ne[1]).max(batch(weight.ne[0])) <= limit)
}

/// Matrices of two dimensions, and experts of three (`supports_op` in ggml-cpu/repack.cpp).
fn is_repacked(weight: &Weight, load: &Load) -> bool {
    let expected = if weight.is_expert() { 3 } else { 2 };
    weight.dimensions() == expected && !weight.is_table() && load.repack.takes(weight.kind, weight.ne[1])
}
