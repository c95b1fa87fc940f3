//! What a model is loaded with.

use super::{adapter::Adapter, overrides::Override};
use crate::tensor_type::TensorType;

/// How llama.cpp is told to load a model. [`Load::default`] is `llama-server` on a machine without
/// GPU: one slot of 4096 tokens, everything on the host.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are switches of llama.cpp, each with its own meaning"
)]
pub struct Load {
    /// Tokens over all slots (`--ctx-size`); 0 takes what the model was trained with.
    pub context_length: u64,
    /// Slots that answer at once (`--parallel`).
    pub parallel: u64,
    /// Whether the slots share one cache (`--kv-unified`).
    pub kv_unified: bool,
    /// Tokens of a logical batch (`--batch-size`).
    pub batch: u64,
    /// Tokens of a physical batch (`--ubatch-size`): what the compute buffers are made for.
    pub ubatch: u64,
    /// What keys are kept in (`--cache-type-k`).
    pub cache_type_k: TensorType,
    /// What values are kept in (`--cache-type-v`).
    pub cache_type_v: TensorType,
    /// Whether attention is computed without the full matrix of scores (`--flash-attn`).
    pub flash_attention: bool,
    /// Layers on the devices, the last ones; the output layer counts as one (`--gpu-layers`).
    pub gpu_layers: u64,
    /// The share of each device (`--tensor-split`); empty without devices. llama.cpp takes the free
    /// memory of each where it is not told.
    pub devices: Vec<f64>,
    /// Routed experts of the first so many layers stay on the host (`--n-cpu-moe`; `--cpu-moe` is
    /// `u64::MAX`).
    pub cpu_moe_layers: u64,
    /// Tensors that are put elsewhere (`--override-tensor`); the first that matches counts, and all of
    /// them count before `cpu_moe_layers`.
    pub overrides: Vec<Override>,
    /// Whether sliding-window layers keep the whole context (`--swa-full`).
    pub swa_full: bool,
    /// What this host's processor has faster layouts for (`--no-repack` is [`Repack::Off`]).
    pub repack: Repack,
    /// Whether weights are mapped from the file (`--mmap`).
    pub mmap: bool,
    /// Whether the cache lies where its layer does; else all of it is on the host (`--no-kv-offload`).
    pub kv_offload: bool,
    /// What the devices are like.
    pub accelerator: Accelerator,
    /// Adapters that are loaded with the model (`--lora`).
    pub adapters: Vec<Adapter>,
    /// Rows of logits that a slot may ask for at once: 1, and with a draft model one more for each token
    /// that it drafts (`--spec-draft-n-max`). Embeddings and rerankings (`--embedding`) ask for all of a batch:
    /// `u64::MAX`.
    pub outputs_per_slot: u64,
    /// Whether to predict what the engine's own dry run (`--fit`) says rather than what a load takes:
    /// before it plans the computation it forgets what was put on a device by name
    /// (`ggml_backend_sched_reserve_size` in ggml-backend.cpp).
    pub dry_run: bool,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            context_length: 4096,
            parallel: 1,
            kv_unified: false,
            batch: 2048,
            ubatch: 512,
            cache_type_k: TensorType::F16,
            cache_type_v: TensorType::F16,
            flash_attention: true,
            gpu_layers: 0,
            devices: Vec::new(),
            cpu_moe_layers: 0,
            overrides: Vec::new(),
            swa_full: false,
            repack: Repack::Off,
            mmap: true,
            kv_offload: true,
            accelerator: Accelerator::PLAIN,
            adapters: Vec::new(),
            outputs_per_slot: 1,
            dry_run: false,
        }
    }
}

/// How a kind of device differs from one that takes anything and lends nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent traits of a device")]
pub struct Accelerator {
    /// Whether the first device computes large batches with weights that lie on the host, and so
    /// needs room for copies of them (`offload_op`; not with `--no-op-offload`).
    pub op_offload: bool,
    /// Whether the devices have pinned host memory: weights on the host that they can compute with
    /// are then left as they are in the file rather than repacked, and the host's compute buffer has
    /// the devices' limit.
    pub pinned_host: bool,
    /// The largest tensor that a device computes with, in bytes, where it has such a limit: what is
    /// larger is left to the host.
    pub largest_tensor: Option<u64>,
    /// The most bytes that are asked of a device at once; larger buffers come in pieces.
    pub largest_buffer: Option<u64>,
    /// Whether the devices leave the scan of Mamba 1 to the host.
    pub lacks_scan: bool,
    /// Whether the devices leave a product to the host whose sides differ in the number of streams, as a
    /// weight's and that of a batch of several slots with a cache each do.
    pub lacks_broadcast: bool,
    /// Whether the devices lack what sparse attention is made of: the operation that scores all tokens, so that
    /// it is done in steps (`GGML_OP_LIGHTNING_INDEXER`), and the choice of 1024 tokens or more
    /// (`num_topk_pipelines` in ggml-vulkan.cpp), which is left to the host.
    pub lacks_indexer: bool,
    /// Whether norms are kept on the device of their layer when everything is on devices. Meant for
    /// all of them (`llama_context::graph_get_cb`), but without effect behind RPC.
    pub pins_norms: bool,
    /// Whether the devices put what they compute into another order, so that several things are done at a
    /// time (`ggml_vk_graph_optimize`): then more lives at once, or less.
    pub reorders: bool,
}

impl Accelerator {
    /// A device without limits behind RPC, or one that is not known.
    pub const PLAIN: Self = Self {
        op_offload: false,
        pinned_host: false,
        largest_tensor: None,
        largest_buffer: None,
        lacks_scan: false,
        lacks_broadcast: false,
        lacks_indexer: false,
        pins_norms: false,
        reorders: false,
    };

    /// NVIDIA's and AMD's own interfaces (`ggml_backend_cuda_device_offload_op` in ggml-cuda.cu).
    pub const CUDA: Self = Self { op_offload: true, pinned_host: true, pins_norms: true, ..Self::PLAIN };

    /// Apple's own interface (ggml-metal.cpp); there host memory is the device's.
    pub const METAL: Self = Self { op_offload: true, pins_norms: true, ..Self::PLAIN };

    /// Vulkan. `largest_tensor` is the driver's `maxStorageBufferRange`: 4 GiB on most GPUs, 128 MiB for
    /// llvmpipe. Buffers come in pieces of 1 GiB (`suballocation_block_size` in ggml-vulkan.cpp).
    #[must_use]
    pub const fn vulkan(largest_tensor: u64) -> Self {
        Self {
            op_offload: true,
            pinned_host: true,
            largest_tensor: Some(largest_tensor),
            largest_buffer: Some(1 << 30),
            lacks_scan: true,
            lacks_broadcast: true,
            lacks_indexer: true,
            pins_norms: true,
            reorders: true,
        }
    }
}

/// The types that the host's processor has another layout for, which takes memory of its own instead
/// of the mapped file (`ggml_repack_get_optimal_repack_type` in ggml-cpu/repack.cpp). See also
/// [`Accelerator::pinned_host`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Repack {
    /// Nothing is repacked.
    #[default]
    Off,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX-512.
    Avx512,
    /// Arm with dot products.
    Neon,
    /// Arm with dot products and 8-bit matrix multiplication.
    NeonI8mm,
}

impl Repack {
    /// What llama.cpp repacks for on the machine that runs this.
    #[cfg(target_arch = "x86_64")]
    #[must_use]
    pub fn of_this_machine() -> Self {
        if std::arch::is_x86_feature_detected!("avx512f") {
            Self::Avx512
        } else if std::arch::is_x86_feature_detected!("avx2") {
            Self::Avx2
        } else {
            Self::Off
        }
    }

    /// What llama.cpp repacks for on the machine that runs this.
    #[cfg(target_arch = "aarch64")]
    #[must_use]
    pub fn of_this_machine() -> Self {
        if !std::arch::is_aarch64_feature_detected!("dotprod") {
            Self::Off
        } else if std::arch::is_aarch64_feature_detected!("i8mm") {
            Self::NeonI8mm
        } else {
            Self::Neon
        }
    }

    /// What llama.cpp repacks for on the machine that runs this: it has no other layouts here.
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    #[must_use]
    pub fn of_this_machine() -> Self {
        Self::Off
    }

    /// Whether a matrix of this type with so many rows is repacked.
    pub(crate) fn takes(self, kind: TensorType, rows: u64) -> bool {
        use TensorType::{IQ4_NL, MXFP4, Q1_0, Q2_K, Q4_0, Q4_K, Q5_K, Q6_K, Q8_0};
        let step = match (self, kind) {
            (Self::Avx2 | Self::Avx512, Q4_0 | Q4_K | IQ4_NL | MXFP4)
            | (Self::Avx512, Q2_K)
            | (Self::Neon | Self::NeonI8mm, Q4_K | Q5_K | Q6_K) => 8,
            (Self::Neon | Self::NeonI8mm, Q4_0 | Q8_0 | Q1_0 | IQ4_NL | MXFP4) => 4,
            _ => return false,
        };
        rows.is_multiple_of(step)
    }
}
