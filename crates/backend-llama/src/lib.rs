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
//! | `gpu_layers` | a number or `"all"`; the output layer counts as one | as many as fit, none without a GPU |
//! | `device` | a device of this machine, by id or alias | the GPU with the most free memory |
//! | `threads` | a number | physical cores, within what the process may use |
//! | `parallel` | slots that answer at once | 1 |
//! | `cache_type_k`, `cache_type_v` | `f16`, `bf16`, `f32`, `q8_0`, `q5_1`, `q5_0`, `q4_1`, `q4_0`, `iq4_nl` | `f16` |
//! | `flash_attention` | `"on"`, `"off"`, `"auto"` | `"auto"`: the server decides for its device |
//! | `batch_size`, `ubatch_size` | tokens | 2048, 512 |
//! | `mmap` | true or false | true |
//! | `prompt_cache` | bytes of host memory that old prompts may keep | 0 |
//! | `extra` | flags of `llama-server` by name, with their values (`null` for none) | none |
//! | `start_timeout` | seconds | 300 |
//!
//! # Options of the backend
//!
//! `server`: the path of `llama-server`, instead of the first one on the search path.
//! `transport`: `"unix"` or `"tcp"`.
//! `ask`: `false` keeps the server from being asked what a plan takes before its first start (a fifth of a
//! second, during which its driver may take memory of its own); the computed estimate is used then.
//! `parent_death_signal`: `false` keeps Linux from ending the servers together with this program. The
//! journal of children then ends them at the next start, as it does on systems without such a signal.
//! For tests of just that, and for containers and tracers that mistake the signal.
//!
//! # Limitations
//!
//! GPU layers go to one device; a model that needs several is offloaded in part. What a plan takes is
//! predicted ([`memory`]); projectors, adapters and draft models given as `extra` are not counted.

mod arguments;
mod ask;
mod backend;
mod diagnose;
mod instance;
pub mod memory;
mod options;
mod output;
mod planner;
mod server;
mod settings;

use loadmaster_core::{BackendFactory, submit_backend};

pub use self::{
    backend::LlamaBackend,
    settings::{CacheType, FlashAttention, GpuLayers, Settings},
};

submit_backend!(BackendFactory {
    id: LlamaBackend::ID,
    description: "text models with llama-server of llama.cpp",
    make: LlamaBackend::make,
});
