//! What is asked of a model.

use loadmaster_gguf::TensorType;

/// Where a picture begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Source {
    /// Words alone.
    #[default]
    Text,
    /// Another picture, which the autoencoder encodes first: image to image, inpainting, edits.
    Picture,
}

/// What a graphics card holds. Without one of these all is in main memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Gpu {
    /// `--offload-to-cpu`: weights wait in main memory, and are copied to the card for their phase.
    pub offload_to_cpu: bool,
    /// `--clip-on-cpu`: the text encoders are held and run in main memory.
    pub clip_on_cpu: bool,
    /// `--vae-on-cpu`: the autoencoder is held and run in main memory.
    pub vae_on_cpu: bool,
    /// `--control-net-cpu`: the `ControlNet` is held and run in main memory.
    pub control_net_on_cpu: bool,
}

/// What is asked of a model: a size, and the settings that change what it takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// What the picture begins with.
    pub source: Source,
    /// `--diffusion-fa`, or `--fa`, which does the same for the denoiser: flash attention.
    pub flash_attention: bool,
    /// `--vae-tiling`, with tiles of the default size.
    pub vae_tiling: bool,
    /// `--vae-conv-direct`.
    pub vae_conv_direct: bool,
    /// `--type`: what matrices are converted to when they are loaded.
    pub weight_type: Option<TensorType>,
    /// `--mmap`: the file is mapped while it is loaded, and its tensors are copied nevertheless.
    pub mmap: bool,
    /// Bytes of the LoRA files that a request names together.
    pub loras: u64,
    /// The graphics card, if there is one.
    pub gpu: Option<Gpu>,
}

impl Ask {
    /// A picture of this size in pixels from words alone, without any options, in main memory.
    pub fn of(width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            source: Source::Text,
            flash_attention: false,
            vae_tiling: false,
            vae_conv_direct: false,
            weight_type: None,
            mmap: false,
            loras: 0,
            gpu: None,
        }
    }

    /// A square picture of about so many pixels, since only their number matters.
    pub fn of_pixels(pixels: u64) -> Self {
        let side = u32::try_from(pixels.isqrt()).unwrap_or(u32::MAX);
        let side = if u64::from(side).saturating_mul(u64::from(side)) < pixels {
            side.saturating_add(1)
        } else {
            side
        };
        Self::of(side, side)
    }

    /// Pixels of the picture, with each side rounded up to a multiple as stable-diffusion.cpp does.
    pub(crate) fn pixels(&self, multiple: u32) -> u64 {
        let rounded = |side: u32| u64::from(side).next_multiple_of(u64::from(multiple.max(1)));
        rounded(self.width).saturating_mul(rounded(self.height))
    }
}
