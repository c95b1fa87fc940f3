//! A request with everything resolved: a pure function of the request, the plan and a random number.

use loadmaster_images::{
    Capabilities, ErrorCode, ImageError, ImageFormat, ImageRequest, Limits, Picture, Size,
};
use serde_json::{Map, Value, json};

use crate::{
    loras::{LoraFile, UsedLora, used},
    progress::Work,
    settings::{Mode, Settings},
};

/// What sd.cpp repaints of a given image, where nobody says.
pub(crate) const STRENGTH: f32 = 0.75;

/// What Flux and its kin are guided with, where nobody says: sd.cpp's own default.
pub(crate) const GUIDANCE: f32 = 3.5;

/// A request with everything resolved.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    pub(crate) prompt: String,
    pub(crate) negative_prompt: String,
    pub(crate) size: Size,
    pub(crate) images: u32,
    pub(crate) steps: u32,
    pub(crate) cfg_scale: f32,
    pub(crate) guidance: f32,
    pub(crate) sampler: Option<String>,
    pub(crate) scheduler: Option<String>,
    /// Of the first image; each next one has the next seed.
    pub(crate) seed: u64,
    pub(crate) clip_skip: Option<u32>,
    pub(crate) strength: f32,
    pub(crate) loras: Vec<UsedLora>,
    pub(crate) format: ImageFormat,
    pub(crate) compression: Option<u8>,
    pub(crate) init: Option<Vec<u8>>,
    pub(crate) mask: Option<Vec<u8>>,
    /// How many previews of each image are wanted.
    pub(crate) previews: u32,
}

impl Order {
    /// Resolves `request`; `random` is the seed of one that brings none.
    pub(crate) fn of(
        request: ImageRequest,
        settings: &Settings,
        capabilities: &Capabilities,
        loras: &[LoraFile],
        random: u64,
    ) -> Result<Self, ImageError> {
        if request.images.len() > 1 {
            let message = "Only one image can be edited at a time";
            return Err(ImageError::invalid("image", message, "Send one image."));
        }
        for (field, text) in [("prompt", &request.prompt), ("negative_prompt", &request.negative_prompt)] {
            // A command line ends there.
            if text.contains('\0') {
                let message = format!("{field} has a zero byte");
                return Err(ImageError::invalid(field, message, "Leave it out."));
            }
        }
        let (prompt, tagged) = without_tags(&request.prompt)?;
        let wanted = request.loras.iter().map(|lora| (lora.name.clone(), lora.scale)).chain(tagged);
        let init = request.images.into_iter().next();
        let own = init.as_deref().map(|image| picture("image", image)).transpose()?;
        if own.is_some_and(|own| own.grey) {
            let message = "A picture in shades of grey cannot be edited: stable-diffusion.cpp wants colours";
            return Err(ImageError::invalid("image", message, "Convert it to RGB."));
        }
        request.mask.as_deref().map(|mask| picture("mask", mask)).transpose()?;
        let limits = &capabilities.limits;
        // One that is long and thin may not fit at all.
        let own = own.map(|own| fitted(own.size, limits)).filter(|own| own.pixels() <= limits.max_pixels);
        check_compression(settings.mode, request.format, request.output_compression)?;
        let defaults = &capabilities.defaults;
        let native = defaults.size.unwrap_or_else(|| Size::new(512, 512));
        let seed = request.seed.unwrap_or(random);
        // The programs count with 64 bits and a sign, and up with each image.
        if seed > i64::MAX.unsigned_abs() - 8 {
            return Err(ImageError::invalid(
                "seed",
                format!("The seed {seed} is too large"),
                "Take a smaller one.",
            ));
        }
        Ok(Self {
            prompt,
            negative_prompt: request.negative_prompt,
            size: request.size.or(own).unwrap_or(native),
            images: request.n.max(1),
            steps: request.steps.unwrap_or(settings.steps),
            cfg_scale: request.cfg_scale.unwrap_or(settings.cfg_scale),
            guidance: request.guidance.or(defaults.guidance).unwrap_or(GUIDANCE),
            sampler: request.sampler.or_else(|| settings.sampler.clone()),
            scheduler: request.scheduler,
            seed,
            clip_skip: request.clip_skip,
            strength: request.strength.unwrap_or(STRENGTH),
            loras: used(wanted, loras, settings.lora_bytes)?,
            format: request.format,
            compression: request.output_compression,
            init,
            mask: request.mask,
            previews: request.partial_images,
        })
    }

    /// What there is to do.
    pub(crate) fn work(&self, loads: bool) -> Work {
        #[expect(clippy::cast_precision_loss, reason = "pixels of one image are far below 2^52")]
        let megapixels = self.size.pixels() as f64 / 1e6;
        Work { loads, steps: self.steps, images: self.images, megapixels }
    }

    /// As it is answered, and embedded in the image of that seed.
    pub(crate) fn parameters(&self, model: &str, family: &str, seed: u64) -> Map<String, Value> {
        let loras: Vec<Value> =
            self.loras.iter().map(|lora| json!({ "name": lora.name, "scale": lora.scale })).collect();
        let all = json!({
            "model": model,
            "family": family,
            "prompt": self.prompt,
            "negative_prompt": self.negative_prompt,
            "size": self.size,
            "steps": self.steps,
            "cfg_scale": self.cfg_scale,
            "guidance": self.guidance,
            "sampler": self.sampler,
            "scheduler": self.scheduler,
            "seed": seed,
            "clip_skip": self.clip_skip,
            "strength": self.init.as_ref().map(|_| self.strength),
            "loras": loras,
        });
        let Value::Object(mut all) = all else { return Map::new() };
        all.retain(|_, value| !value.is_null());
        all
    }

    /// The image's file with what it was made with in it, where the format has a place for it.
    pub(crate) fn signed(&self, bytes: Vec<u8>, parameters: &Map<String, Value>) -> Vec<u8> {
        self.format.with_parameters(bytes, &Value::Object(parameters.clone()).to_string())
    }
}

/// What `sd-cli` writes JPEG and WebP with, and `sd-server` too where nobody says: files of both are the same.
pub(crate) const COMPRESSION: u8 = 90;

/// Refuses what `sd-cli` has no way to heed. A PNG is kept whole always.
fn check_compression(mode: Mode, format: ImageFormat, asked: Option<u8>) -> Result<(), ImageError> {
    match asked {
        Some(asked) if mode == Mode::OneShot && format != ImageFormat::Png && asked != COMPRESSION => {
            let message = format!(
                "output_compression is {asked}; this model runs one-shot, where it is always {COMPRESSION}"
            );
            let remedy = "Leave it out, ask for a PNG, or set the model's mode to resident.";
            Err(ImageError::invalid("output_compression", message, remedy))
        }
        _ => Ok(()),
    }
}

/// The most pixels of a picture that is brought: it is decoded as a whole before it is made smaller.
const MOST_BROUGHT: u64 = 4096 * 4096;

/// What a picture is that was brought as `field`.
fn picture(field: &str, bytes: &[u8]) -> Result<Picture, ImageError> {
    let Some(picture) = Picture::of(bytes).filter(|picture| picture.size.pixels() > 0) else {
        let message = format!("{field} has no size that can be read");
        return Err(ImageError::invalid(field, message, "Send it as a PNG file."));
    };
    if picture.size.pixels() > MOST_BROUGHT {
        let message = format!("{field} has {} pixels, and may have {MOST_BROUGHT}", picture.size);
        let error = ImageError::new(ErrorCode::ImageTooLarge, message, "Send a smaller one.");
        return Err(ImageError { field: Some(field.to_owned()), ..error });
    }
    Ok(picture)
}

/// The size that a picture of `size` is edited in: its own, or the largest one of about its shape that is possible.
fn fitted(size: Size, limits: &Limits) -> Size {
    let multiple = limits.multiple.max(1);
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    #[expect(clippy::cast_precision_loss, reason = "pixels of one image are far below 2^52")]
    let room = limits.max_pixels as f64;
    let longest = f64::from(limits.max_side);
    let shrunk = (room / (width * height)).sqrt().min(longest / width).min(longest / height).min(1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most the picture's own side, and positive"
    )]
    let scaled = |length: f64| {
        let whole = (length * shrunk) as u32 / multiple * multiple;
        whole.max(limits.min_side.next_multiple_of(multiple))
    };
    Size::new(scaled(width), scaled(height))
}

/// A name, and how much of it.
type Tagged = Vec<(String, f32)>;

/// How much of a `LoRA` can be asked for, as in the field `loras`.
const MAX_SCALE: f32 = 100.0;

/// Takes `<lora:NAME:SCALE>` out of a prompt: `sd-cli` would look the name up itself, wherever a path in it leads.
fn without_tags(prompt: &str) -> Result<(String, Tagged), ImageError> {
    let (mut rest, mut plain, mut loras) = (prompt, String::new(), Vec::new());
    while let Some((before, tag)) = rest.split_once("<lora:") {
        let parsed = tag.split_once('>').and_then(|(tag, after)| {
            let (name, scale) = tag.split_once(':').unwrap_or((tag, "1"));
            let scale = scale.trim().parse::<f32>().ok().filter(|scale| scale.abs() <= MAX_SCALE)?;
            Some((name.to_owned(), scale, after))
        });
        let Some((name, scale, after)) = parsed else {
            let remedy = "Write <lora:NAME:SCALE>, or name it in the field loras.";
            return Err(ImageError::invalid("prompt", "The prompt has a broken <lora:...> tag", remedy));
        };
        plain.push_str(before);
        loras.push((name, scale));
        rest = after;
    }
    plain.push_str(rest);
    if plain.contains("<lora:") {
        let remedy = "Name LoRAs in the field loras.";
        return Err(ImageError::new(
            ErrorCode::InvalidRequest,
            "The prompt has nested <lora:...> tags",
            remedy,
        ));
    }
    Ok((plain.trim().to_owned(), loras))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::settings::Savings;

    pub(crate) fn settings() -> Settings {
        Settings {
            components: crate::components::Components::default(),
            model_role: "model".into(),
            family: "Ovis".into(),
            mode: Mode::OneShot,
            pixels: 512 * 512,
            edits: false,
            savings: Savings::default(),
            weight_type: None,
            threads: 2,
            device: None,
            loras: Vec::new(),
            lora_dir: None,
            lora_bytes: 1 << 20,
            steps: 20,
            cfg_scale: 5.0,
            sampler: Some("euler".into()),
            extra: std::collections::BTreeMap::new(),
            start_timeout: 300,
        }
    }

    fn order(request: ImageRequest) -> Result<Order, ImageError> {
        let loras = [LoraFile { name: "style".into(), path: "/l/style.gguf".into(), bytes: 1 }];
        Order::of(request, &settings(), &Capabilities::default(), &loras, 77)
    }

    #[test]
    fn what_is_left_out_comes_from_the_plan() {
        let order = order(ImageRequest::new("a cat")).unwrap();
        assert_eq!((order.steps, order.seed, order.size), (20, 77, Size::new(512, 512)));
        let parameters = order.parameters("m", "Ovis", 78);
        assert_eq!((&parameters["seed"], &parameters["cfg_scale"]), (&json!(78), &json!(5.0)));
        assert!(!parameters.contains_key("strength"));
    }

    #[test]
    fn loras_are_known_by_name_alone() {
        let tagged = order(ImageRequest::new("a <lora:style:0.5>cat")).unwrap();
        assert_eq!((tagged.prompt.as_str(), tagged.loras[0].scale), ("a cat", 0.5));
        for prompt in [
            "<lora:../../etc/passwd:1>",
            "<lora:style",
            "<lora:style:x>",
            "<lora:style:nan>",
            "<lora:style:101>",
            "<lo<lora:style:1>ra:b:1>",
            "a\0b",
        ] {
            assert!(order(ImageRequest::new(prompt)).is_err(), "{prompt}");
        }
    }

    #[test]
    fn a_picture_keeps_its_shape_as_far_as_there_is_room() {
        let limits = Limits { max_pixels: 512 * 512, multiple: 16, ..Limits::default() };
        for ((width, height), fits) in [
            ((512, 512), (512, 512)),
            ((100, 75), (96, 64)),
            ((1024, 512), (720, 352)),
            ((4000, 3000), (576, 432)),
            ((4000, 10), (4000, 64)),
            ((1, 1), (64, 64)),
        ] {
            let size = fitted(Size::new(width, height), &limits);
            assert_eq!((size.width, size.height), fits, "{width}x{height}");
        }
    }

    #[test]
    fn what_sd_cli_cannot_heed_is_refused() {
        let check = |mode, format, asked| check_compression(mode, format, asked).is_ok();
        assert!(
            check(Mode::OneShot, ImageFormat::Jpeg, Some(90))
                && check(Mode::OneShot, ImageFormat::Webp, None)
        );
        assert!(
            check(Mode::OneShot, ImageFormat::Png, Some(5))
                && check(Mode::Resident, ImageFormat::Jpeg, Some(5))
        );
        assert!(!check(Mode::OneShot, ImageFormat::Jpeg, Some(5)));
    }

    #[test]
    fn seeds_stay_within_the_programs_numbers() {
        let with = |seed| order(ImageRequest { seed: Some(seed), ..ImageRequest::new("x") });
        assert!(with(u64::MAX).is_err() && with(1 << 62).is_ok());
    }
}
