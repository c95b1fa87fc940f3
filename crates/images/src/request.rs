//! What is asked for.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Map, Value, json};

use crate::{
    ImageError, ImageFormat, Limits, Size, decode_base64, encode_base64,
    fields::{Fields, wrong},
};

/// The most images that one request can ask for.
pub const MAX_IMAGES: u32 = 8;

/// The most previews of one image, as OpenAI has it.
pub const MAX_PARTIAL_IMAGES: u32 = 3;

/// The longest prompt in characters, as OpenAI has it.
const MAX_PROMPT: usize = 32_000;

/// Whether an image is made anew, or of another one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// `/v1/images/generations`.
    #[default]
    Generate,
    /// `/v1/images/edits`: needs an image.
    Edit,
}

impl Task {
    /// What its events' names begin with.
    pub fn event_prefix(self) -> &'static str {
        match self {
            Self::Generate => "image_generation",
            Self::Edit => "image_edit",
        }
    }

    /// The path it is asked for at.
    pub fn path(self) -> &'static str {
        match self {
            Self::Generate => "/v1/images/generations",
            Self::Edit => "/v1/images/edits",
        }
    }
}

/// A small model that changes the large one, with how much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lora {
    /// Its name: the file's, without the extension.
    pub name: String,
    /// How much of it; 1 is all.
    pub scale: f32,
}

/// One request for images. Fields are named in JSON as they are here, but for `images` and `format`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImageRequest {
    /// Whether it came as a generation or an edit; not in the JSON, but in the path.
    pub task: Task,
    /// What the image shows.
    pub prompt: String,
    /// What it does not show; may be empty.
    pub negative_prompt: String,
    /// How many, 1 to [`MAX_IMAGES`].
    pub n: u32,
    /// How large; `None` (`"auto"`) is the model's own size, or that of the image that is edited.
    pub size: Option<Size>,
    /// The files' format: `output_format`.
    pub format: ImageFormat,
    /// How well JPEG and WebP are kept, 0 to 100: `output_compression`.
    pub output_compression: Option<u8>,
    /// Whether the answer is a stream of events.
    pub stream: bool,
    /// Whether such a stream tells of progress; OpenAI has no such events.
    pub progress: bool,
    /// How many previews of each image are sent, 0 to [`MAX_PARTIAL_IMAGES`], where the instance can.
    pub partial_images: u32,
    /// Steps of the denoiser.
    pub steps: Option<u32>,
    /// How strictly the prompt is followed, for models with classifier-free guidance.
    pub cfg_scale: Option<f32>,
    /// The same, for models that were distilled with it (Flux).
    pub guidance: Option<f32>,
    /// The sampler's name.
    pub sampler: Option<String>,
    /// The scheduler's name.
    pub scheduler: Option<String>,
    /// The seed of the first image; `None`, in JSON also a negative number, is a random one.
    pub seed: Option<u64>,
    /// How many of the text encoder's last layers are left out.
    pub clip_skip: Option<u32>,
    /// How much of the given image is painted over, 0 to 1.
    pub strength: Option<f32>,
    /// Small models to be added.
    pub loras: Vec<Lora>,
    /// Whole files of images to begin with: `image`, one in base64 or a list of them.
    pub images: Vec<Vec<u8>>,
    /// A whole file of an image, in base64 in JSON: where it is transparent, it is painted; where it has no transparency,
    /// where it is white.
    pub mask: Option<Vec<u8>>,
}

impl ImageRequest {
    /// A request for one image with everything else left to the model.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self { prompt: prompt.into(), n: 1, progress: true, ..Self::default() }
    }

    /// Whether it brings an image.
    pub fn has_input(&self) -> bool {
        !self.images.is_empty() || self.mask.is_some()
    }

    /// Reads the body of a request for `task`. Fields that are not known are ignored.
    ///
    /// # Errors
    /// `invalid_request`, with the field's name where it is a field's fault.
    pub fn read(task: Task, body: &[u8]) -> Result<Self, ImageError> {
        let value = serde_json::from_slice(body).map_err(|error| {
            let message = format!("The body is not the JSON of a request: {error}");
            ImageError::invalid("body", message, "Correct the body.")
        })?;
        Self::of_json(task, value)
    }

    /// The same of JSON that was read already.
    ///
    /// # Errors
    /// `invalid_request`, with the field's name where it is a field's fault.
    pub fn of_json(task: Task, value: Value) -> Result<Self, ImageError> {
        let Value::Object(map) = value else {
            let message = "The body is no JSON object";
            return Err(ImageError::invalid("body", message, r#"Send {"prompt": "..."}."#));
        };
        let mut fields = Fields(map);
        let request = Self {
            task,
            prompt: prompt(&mut fields)?,
            negative_prompt: fields.text("negative_prompt")?.unwrap_or_default(),
            n: fields.count("n", 1..=MAX_IMAGES)?.unwrap_or(1),
            size: size(&mut fields)?,
            format: format(&mut fields)?,
            output_compression: compression(&mut fields)?,
            stream: fields.flag("stream")?.unwrap_or_default(),
            progress: fields.flag("progress")?.unwrap_or(true),
            partial_images: fields.count("partial_images", 0..=MAX_PARTIAL_IMAGES)?.unwrap_or_default(),
            steps: fields.count("steps", 1..=10_000)?,
            cfg_scale: fields.number("cfg_scale", 0.0..=1000.0)?,
            guidance: fields.number("guidance", 0.0..=1000.0)?,
            sampler: fields.name("sampler")?,
            scheduler: fields.name("scheduler")?,
            seed: fields.integer("seed", i64::MIN..=i64::MAX)?.and_then(|seed| u64::try_from(seed).ok()),
            clip_skip: fields.count("clip_skip", 0..=32)?,
            strength: fields.number("strength", 0.0..=1.0)?,
            loras: loras(&mut fields)?,
            images: images(&mut fields)?,
            mask: mask(&mut fields)?,
        };
        if task == Task::Edit && request.images.is_empty() {
            let remedy = "Send the image to be edited, in base64 or as a part of the form.";
            return Err(ImageError::invalid("image", "An edit needs an image", remedy));
        }
        if request.mask.is_some() && request.images.is_empty() {
            let remedy = "Send the image that it belongs to, or leave it out.";
            return Err(ImageError::invalid("mask", "A mask needs an image", remedy));
        }
        Ok(request)
    }

    /// As the JSON of a body; what is left to the model is left out. [`ImageRequest::of_json`] reads it back.
    pub fn to_json(&self) -> Value {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                fields.insert(name.to_owned(), value);
            }
        };
        put("prompt", json!(self.prompt));
        put(
            "negative_prompt",
            if self.negative_prompt.is_empty() { Value::Null } else { json!(self.negative_prompt) },
        );
        put("n", json!(self.n));
        put("size", json!(self.size));
        put("output_format", json!(self.format));
        put("output_compression", json!(self.output_compression));
        put("stream", if self.stream { json!(true) } else { Value::Null });
        put("progress", if self.progress { Value::Null } else { json!(false) });
        put("partial_images", if self.partial_images > 0 { json!(self.partial_images) } else { Value::Null });
        put("steps", json!(self.steps));
        put("cfg_scale", json!(self.cfg_scale));
        put("guidance", json!(self.guidance));
        put("sampler", json!(self.sampler));
        put("scheduler", json!(self.scheduler));
        put("seed", json!(self.seed));
        put("clip_skip", json!(self.clip_skip));
        put("strength", json!(self.strength));
        put("loras", if self.loras.is_empty() { Value::Null } else { json!(self.loras) });
        let images: Vec<String> = self.images.iter().map(|image| encode_base64(image)).collect();
        put(
            "image",
            match images.as_slice() {
                [] => Value::Null,
                [one] => json!(one),
                several => json!(several),
            },
        );
        put("mask", json!(self.mask.as_deref().map(encode_base64)));
        Value::Object(fields)
    }

    /// Refuses what is over `limits`.
    ///
    /// # Errors
    /// `invalid_request` with the field's name, or `image_too_large`.
    pub fn check(&self, limits: &Limits) -> Result<(), ImageError> {
        Limits::at_most("n", self.n, limits.max_batch)?;
        Limits::at_most("steps", self.steps.unwrap_or_default(), limits.max_steps)?;
        self.size.map_or(Ok(()), |size| limits.check_size(size))
    }
}

impl Serialize for ImageRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut value = self.to_json();
        if let (Value::Object(fields), Task::Edit) = (&mut value, self.task) {
            fields.insert("task".to_owned(), json!(self.task));
        }
        value.serialize(serializer)
    }
}

/// As [`ImageRequest::of_json`], with the task in a field `task` beside the others.
impl<'de> Deserialize<'de> for ImageRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(deserializer)?;
        let task = value.as_object_mut().and_then(|fields| fields.remove("task")).unwrap_or_default();
        let task = if task.is_null() {
            Task::default()
        } else {
            Task::deserialize(task).map_err(D::Error::custom)?
        };
        Self::of_json(task, value).map_err(|error| D::Error::custom(format!("{error}. {}", error.remedy)))
    }
}

fn prompt(fields: &mut Fields) -> Result<String, ImageError> {
    let prompt = fields.text("prompt")?.unwrap_or_default();
    if prompt.trim().is_empty() {
        let remedy = "Say in the field prompt what the image shows.";
        return Err(ImageError::invalid("prompt", "The request has no prompt", remedy));
    }
    let length = prompt.chars().count();
    if length > MAX_PROMPT {
        let message = format!("The prompt has {length} characters, and may have {MAX_PROMPT}");
        return Err(ImageError::invalid("prompt", message, "Shorten it."));
    }
    Ok(prompt)
}

fn size(fields: &mut Fields) -> Result<Option<Size>, ImageError> {
    match fields.text("size")?.as_deref() {
        None | Some("auto") => Ok(None),
        Some(text) => text
            .parse()
            .map(Some)
            .map_err(|_| wrong("size", &json!(text), "width and height in pixels, such as 512x768, or auto")),
    }
}

fn format(fields: &mut Fields) -> Result<ImageFormat, ImageError> {
    match fields.text("output_format")? {
        None => Ok(ImageFormat::Png),
        Some(name) => ImageFormat::from_name(&name)
            .ok_or_else(|| wrong("output_format", &json!(name), "png, jpeg or webp")),
    }
}

fn compression(fields: &mut Fields) -> Result<Option<u8>, ImageError> {
    Ok(fields.count("output_compression", 0..=100)?.and_then(|percent| u8::try_from(percent).ok()))
}

fn loras(fields: &mut Fields) -> Result<Vec<Lora>, ImageError> {
    let wanted = r#"a list such as [{"name": "style", "scale": 0.8}]"#;
    let list = match fields.take("loras") {
        None => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(other) => return Err(wrong("loras", &other, wanted)),
    };
    let lora = |value: Value| {
        let Value::Object(map) = value else { return Err(wrong("loras", &value, wanted)) };
        let mut fields = Fields(map);
        let name = fields.name("name")?;
        // A path would reach files that are not LoRAs.
        let name = name.filter(|name| !name.contains(['/', '\\', '<', '>', ':']) && name != "..");
        let name = name.ok_or_else(|| wrong("loras", &json!(null), wanted))?;
        Ok(Lora { name, scale: fields.number("scale", -100.0..=100.0)?.unwrap_or(1.0) })
    };
    list.into_iter().map(lora).collect()
}

fn images(fields: &mut Fields) -> Result<Vec<Vec<u8>>, ImageError> {
    match fields.take("image") {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(|value| file("image", value)).collect(),
        Some(one) => Ok(vec![file("image", &one)?]),
    }
}

fn mask(fields: &mut Fields) -> Result<Option<Vec<u8>>, ImageError> {
    fields.take("mask").map(|value| file("mask", &value)).transpose()
}

/// The file of an image.
fn file(name: &str, value: &Value) -> Result<Vec<u8>, ImageError> {
    let wanted = "a PNG, JPEG or WebP file in base64";
    let bytes = value.as_str().and_then(decode_base64).ok_or_else(|| wrong(name, value, wanted))?;
    let format = ImageFormat::of(&bytes).ok_or_else(|| wrong(name, value, wanted))?;
    if !format.is_whole(&bytes) {
        let message = format!("{name} is not a whole {format} file");
        return Err(ImageError::invalid(name, message, "Send the whole file."));
    }
    Ok(bytes)
}
