//! What an instance can do, and how much of it.

use serde::{Deserialize, Serialize};

use crate::{ErrorCode, ImageError, ImageRequest, Size, request::MAX_IMAGES};

/// What an instance can do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// The family of its model, where it is known: `SD 1.x`.
    pub family: Option<String>,
    /// How it runs: `resident`, or `one-shot`.
    pub mode: String,
    /// The samplers it knows; empty when it does not say, and any may be asked for then.
    pub samplers: Vec<String>,
    /// The schedulers it knows; empty when it does not say.
    pub schedulers: Vec<String>,
    /// The `LoRAs` that it finds, by name.
    pub loras: Vec<String>,
    /// Whether images can be edited.
    pub edits: bool,
    /// Whether it shows previews while it paints.
    pub previews: bool,
    /// What it refuses.
    pub limits: Limits,
    /// What it takes for what a request leaves out.
    pub defaults: Defaults,
}

/// The most that may be asked of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// The largest image, in pixels: what memory is reserved for.
    pub max_pixels: u64,
    /// The longest side, in pixels.
    pub max_side: u32,
    /// The shortest side, in pixels.
    pub min_side: u32,
    /// What both sides are a multiple of, in pixels.
    pub multiple: u32,
    /// The most steps.
    pub max_steps: u32,
    /// The most images of one request.
    pub max_batch: u32,
}

impl Default for Limits {
    /// Those of stable-diffusion.cpp: sides of 64 to 4096 in steps of 8, eight images; no limit of pixels beyond
    /// that. It says so and does not keep to it, so they must be kept to in front of it.
    fn default() -> Self {
        Self {
            max_pixels: 4096 * 4096,
            max_side: 4096,
            min_side: 64,
            multiple: 8,
            max_steps: 1000,
            max_batch: MAX_IMAGES,
        }
    }
}

/// What is taken for what a request leaves out; `None` is left to the server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is the field of `ImageRequest` of that name")]
pub struct Defaults {
    pub size: Option<Size>,
    pub steps: Option<u32>,
    pub cfg_scale: Option<f32>,
    pub guidance: Option<f32>,
    pub sampler: Option<String>,
    pub scheduler: Option<String>,
    pub clip_skip: Option<u32>,
    pub strength: Option<f32>,
}

impl Capabilities {
    /// Refuses what this instance cannot do: the limits, and names that it does not know.
    ///
    /// # Errors
    /// `invalid_request` with the field's name, or `image_too_large`.
    pub fn check(&self, request: &ImageRequest) -> Result<(), ImageError> {
        request.check(&self.limits)?;
        known("sampler", request.sampler.as_deref(), &self.samplers)?;
        known("scheduler", request.scheduler.as_deref(), &self.schedulers)?;
        for lora in &request.loras {
            if !self.loras.contains(&lora.name) {
                return Err(unknown("loras", &lora.name, &self.loras));
            }
        }
        if request.has_input() && !self.edits {
            let remedy = "Leave image and mask out, or take another model.";
            return Err(ImageError::invalid("image", "This model cannot edit images", remedy));
        }
        Ok(())
    }
}

fn known(field: &str, asked: Option<&str>, known: &[String]) -> Result<(), ImageError> {
    match asked {
        Some(asked) if !known.is_empty() && !known.iter().any(|name| name == asked) => {
            Err(unknown(field, asked, known))
        }
        _ => Ok(()),
    }
}

fn unknown(field: &str, asked: &str, known: &[String]) -> ImageError {
    let remedy = match known {
        [] => "There are none: leave it out.".to_owned(),
        known => format!("Take one of: {}.", known.join(", ")),
    };
    ImageError::invalid(field, format!("{field} does not know '{asked}'"), remedy)
}

impl Limits {
    /// Refuses a size.
    ///
    /// # Errors
    /// `image_too_large` where it is too large, else `invalid_request`.
    pub fn check_size(&self, size: Size) -> Result<(), ImageError> {
        let Size { width, height } = size;
        if width.max(height) > self.max_side || size.pixels() > self.max_pixels {
            let message = format!(
                "{size} are {} pixels; at most {} are possible, and no side over {}",
                size.pixels(),
                self.max_pixels,
                self.max_side
            );
            let remedy = "Ask for a smaller image, or raise the model's setting `pixels`.";
            let error = ImageError::new(ErrorCode::ImageTooLarge, message, remedy);
            return Err(ImageError { field: Some("size".to_owned()), ..error });
        }
        if width.min(height) < self.min_side {
            let message = format!("{size} is too small: no side may be under {} pixels", self.min_side);
            return Err(ImageError::invalid("size", message, "Ask for a larger image."));
        }
        let multiple = self.multiple.max(1);
        if !width.is_multiple_of(multiple) || !height.is_multiple_of(multiple) {
            let up = |side: u32| side.next_multiple_of(multiple).min(self.max_side);
            let remedy = format!("Ask for {}, for example.", Size::new(up(width), up(height)));
            let message = format!("The sides of {size} are not multiples of {multiple}");
            return Err(ImageError::invalid("size", message, remedy));
        }
        Ok(())
    }

    pub(crate) fn at_most(field: &str, value: u32, most: u32) -> Result<(), ImageError> {
        if value <= most {
            return Ok(());
        }
        let remedy = format!("Ask for at most {most}.");
        Err(ImageError::invalid(field, format!("{field} is {value}, and may be at most {most}"), remedy))
    }
}
