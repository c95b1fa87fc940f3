//! Runs text models with `llama-server` of llama.cpp.
//!
//! The backend registers itself as `llama`. It reads the model's header, resolves every setting
//! into a [`Settings`] plan, estimates its bytes per device, and starts `llama-server` on a Unix
//! socket (or on a loopback port with a random key, where there are none), with the memory figures
//! that the server prints read back as the measured truth.
//!
//! # Settings
//!
//! | name | value | default |
//! |---|---|---|
//! | `context_length` | tokens, over all slots | what the model was trained on, 8192 at most |
//! | `gpu_layers` | a number or `"all"`; the output layer counts as one | as many as leave 512 MiB of the GPU free, none without a GPU |
//! | `device` | a device of this machine, by id or alias, or several: `"gpu0,gpu1"` | the GPU with the most free memory |
//! | `tensor_split` | a number for each of several devices: their shares of the layers | what is free of each |
//! | `threads` | a number | physical cores, within what the process may use |
//! | `parallel` | slots that answer at once, 256 at most | 1 |
//! | `cache_type_k`, `cache_type_v` | `f16`, `bf16`, `f32`, `q8_0`, `q5_1`, `q5_0`, `q4_1`, `q4_0`, `iq4_nl` | `f16` |
//! | `flash_attention` | `"on"`, `"off"`, `"auto"` | `"auto"`: the server decides for its device; `"off"` goes with no quantised `cache_type_v` |
//! | `batch_size`, `ubatch_size` | tokens | 2048, 512 |
//! | `mmap` | true or false | true |
//! | `prompt_cache` | bytes of host memory that old prompts may keep | 0 |
//! | `cpu_moe_layers` | a number or `"all"`: experts of the first so many layers stay on the host | 0 |
//! | `override_tensors` | a list of `"PATTERN=DEVICE"`, a regular expression for names of tensors and a device of the plan or `host` | none |
//! | `kv_offload` | whether the cache lies where its layer does | true |
//! | `kv_unified` | whether the slots share one cache | false |
//! | `swa_full` | whether sliding-window layers keep the whole context | false |
//! | `repack` | whether weights on the host take the processor's own layout | true |
//! | `op_offload` | whether a GPU may compute with weights of the host | true |
//! | `lora` | a list of adapters: files, or `{"file": …, "scale": …}` | none |
//! | `mmproj` | a projector's file | none |
//! | `mmproj_offload` | whether the projector lies on the first device | true |
//! | `draft` | a draft model's file, or `{"file": …, "gpu_layers": …, "tokens": …}` | none |
//! | `extra` | flags of `llama-server` by name, with their values (`null` for none) | none |
//! | `start_timeout` | seconds | 300 |
//!
//! # Options of the backend
//!
//! `server`: the path of `llama-server`, instead of the first one on the search path.
//! `transport`: `"unix"` or `"tcp"`.
//! `ask`: `false` keeps the server from being asked what a plan takes before its first start (a fifth of a
//! second, during which its driver may take memory of its own); the computed estimate is used then.
//! `conversations`: how much of the disk conversations may take that are kept over an unloading (`"4 GiB"`);
//! `"0 B"` keeps none. They lie in the state folder, readable for the user alone, until they are restored
//! or make room for newer ones.
//! `parent_death_signal`: `false` keeps Linux from ending the servers together with this program. The
//! journal of children then ends them at the next start, as it does on systems without such a signal.
//! For tests of just that, and for containers and tracers that mistake the signal.
//!
//! # Limitations
//!
//! Layers go to several devices only where `device` names them. What a plan takes is predicted
//! ([`memory`]); of a projector, what it computes with is an upper estimate. Override patterns have no
//! looking ahead and no references back, and no commas, which llama-server takes for the next pattern.

mod arguments;
mod ask;
mod backend;
mod companions;
mod conversations;
mod diagnose;
mod extra;
mod header;
mod health;
mod instance;
pub mod memory;
mod options;
mod output;
mod planner;
mod server;
mod settings;
mod ways;

use loadmaster_core::{BackendFactory, submit_backend};

pub use self::{
    backend::LlamaBackend,
    companions::Companions,
    settings::{CacheType, FlashAttention, GpuLayers, Settings},
    ways::{Draft, Lora, TensorOverride, Ways},
};

submit_backend!(BackendFactory {
    id: LlamaBackend::ID,
    description: "text models with llama-server of llama.cpp",
    make: LlamaBackend::make,
});
