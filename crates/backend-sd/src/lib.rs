//! Runs image models with stable-diffusion.cpp: `sd-server`, or one `sd-cli` for each request.
//!
//! The backend registers itself as `sd`. It reads the headers of a model's files, refuses what is not complete before
//! anything starts, resolves every setting into a [`Settings`] plan, and predicts the most memory that an image of the
//! plan's size takes. An instance speaks the protocol of `loadmaster-images` on a Unix socket (or on a loopback port
//! with a random key, where there are none), which this crate serves in process, whichever way it paints:
//!
//! - **resident**: `sd-server` keeps the model loaded, and the next image begins at once. Its port is chosen here, and it
//!   has to prove that it is ours and listens there alone, because it shares its port with whoever asks. It is asked by
//!   its asynchronous API; progress is read from its output.
//! - **one-shot**: `sd-cli` is run for each request. All memory is given back after it, and less is taken at once,
//!   because it frees weights phase by phase. Its files lie in a folder of their own that is deleted, and count only
//!   when they are whole: it says success on a full disk too.
//!
//! Both make the same bytes of the same request. Each file has what it was made with in it: a PNG in its text `parameters`,
//! JPEG and WebP in the user's comment of their Exif.
//!
//! # Settings
//!
//! | name | value | default |
//! |---|---|---|
//! | `components` | files by role: `diffusion_model`, `high_noise_diffusion_model`, `clip_l`, `clip_g`, `clip_vision`, `t5xxl`, `llm`, `vae`, `taesd` | none |
//! | `mode` | `"resident"`, `"one-shot"`, `"auto"` | `"auto"`: resident where all of it fits into what the plan may have |
//! | `pixels` | pixels of the largest image that memory is reserved for; larger ones are refused | the family's own size |
//! | `flash_attention` | whether the denoiser's attention is computed without the full score matrix | false |
//! | `vae_tiling` | whether pixels are decoded tile by tile: less memory, more time | false |
//! | `vae_conv_direct` | whether the decoder convolves without a copy of its input | false |
//! | `offload_to_cpu` | GPU builds: weights rest in host memory | false |
//! | `clip_on_cpu`, `vae_on_cpu` | GPU builds: text encoders or decoder on the host | false |
//! | `weight_type` | a type of ggml that weights are converted to: `"q8_0"` | the file's |
//! | `threads` | a number | physical cores, within what the process may use |
//! | `loras` | files that requests can name, by the files' names without their extensions | none |
//! | `lora_dir` | a folder; its `.safetensors` and `.gguf` files can be named by requests too | none |
//! | `lora_bytes` | bytes of the `LoRA` files that one request may name together, for which memory is reserved | all of `loras`, or the largest one of `lora_dir` if that is more |
//! | `steps`, `cfg_scale`, `sampler` | for requests that do not say | the family's |
//! | `extra` | flags of both programs by name, with their values (`null` for none) | none |
//! | `start_timeout` | seconds | 300 |
//!
//! # Options of the backend
//!
//! `server`, `cli`: the paths of `sd-server` and `sd-cli` or their folders, instead of the first ones on the search path.
//! One of them is enough: each is looked for beside the other.
//! `transport`: `"unix"` or `"tcp"`.
//! `port`: that of `sd-server`, instead of a free one; for tests.
//! `parent_death_signal`: `false` keeps Linux from ending the programs together with this one.
//!
//! # When it ends in the middle
//!
//! | what happened | what is answered |
//! |---|---|
//! | a crash (`SIGSEGV`, `SIGABRT`) | `server_crashed`; a resident instance ends with it |
//! | memory ran out | `out_of_memory`; the instance goes on |
//! | the disk was full | `disk_full`; the instance goes on |
//! | somebody killed `sd-server` | nothing, the connection is cut: the request can be sent again. A stream that has begun gets `server_crashed` |
//! | somebody killed `sd-cli` | it is started again, three times at most |
//! | the client went away | a request that waits is forgotten; `sd-cli` is killed; `sd-server` cannot stop, so it is ended, and the instance with it (`Stopped`) |
//!
//! # Memory
//!
//! A peak is predicted by `loadmaster_checkpoint::memory`. What an image of a size really took (`VmHWM`, Linux) is kept
//! in the state folder by plan and size, together with the times of its stages, from which the time that is left is
//! told; the next estimate of the same plan is the measured one. What comes and goes with each image is reserved, and
//! marked as [`mapped`](loadmaster_core::DeviceEstimate::mapped), because the machine's free memory still has it while
//! the instance rests.
//!
//! # Limitations
//!
//! - Other users of the machine can read prompts on `sd-cli`'s command line, which has no other way in.
//! - `sd-cli` writes JPEG and WebP at 90 always, and so does `sd-server` where nobody says; another
//!   `output_compression` is refused of a model that runs one-shot.
//! - Previews are shown by `sd-cli` alone: `sd-server` has no option for them, and hands none out. They are projections
//!   of the latent image (`--preview proj`), an eighth of its size, which need no weights and cost nothing that could be
//!   measured; for families whose projection the build does not know there are none. Decoded ones (`tae`, `vae`) are as
//!   large as the image, and are not asked for: the build decodes at each step, whatever the interval, so that four steps
//!   of 256 x 256 took 145 s instead of 31 s with the full decoder, and 7.7 s instead of 3.5 s with the tiny one.
//! - Pictures to be edited have colours and at most 4096 x 4096 pixels. Theirs and the mask's sides are cut to the
//!   image's shape in the middle, and scaled, by stable-diffusion.cpp.
//! - A `LoRA` of another size of the same family ends the program (`GGML_ASSERT`): it is told so, not prevented.
//! - `sd-server` takes at most 100 steps; more are refused, where it would make them 100 without a word.
//! - A request edits one image. No control networks, no upscaling, no video.
//! - GPU builds compute on the first device that they name; their memory is predicted, and not measured.

mod arguments;
mod backend;
mod buffers;
mod builds;
mod components;
mod diagnose;
mod door;
mod extra;
mod history;
mod instances;
mod launch;
mod log;
mod loras;
mod mask;
mod model;
mod one_shot;
mod options;
mod order;
mod planner;
mod previews;
mod process;
mod programs;
mod progress;
mod resident;
mod server;
mod settings;
mod stamp;
mod start;
mod studio;
mod work_folder;

use loadmaster_core::{BackendFactory, submit_backend};

pub use self::{
    backend::SdBackend,
    components::Components,
    settings::{Mode, Savings, Settings},
};

submit_backend!(BackendFactory {
    id: SdBackend::ID,
    description: "image models with sd-server and sd-cli of stable-diffusion.cpp",
    make: SdBackend::make,
});
