//! Where names of tensors belong.

use crate::{checkpoint::Checkpoint, contents::Contents, role::Role};

/// How the names of a file are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// Each with a prefix that tells its role: a whole checkpoint.
    Whole,
    /// The file is this one part, its names with or without the prefix.
    Component(Role),
}

/// Prefixes of whole checkpoints, those of others' before their own: of `CompVis`, of Stability's, of
/// `ComfyUI`, of diffusers as stable-diffusion.cpp puts folders together, and its own.
const PREFIXES: &[(&str, Role)] = &[
    ("model.diffusion_model.", Role::DiffusionModel),
    ("model.high_noise_diffusion_model.", Role::HighNoiseDiffusionModel),
    ("unet.", Role::DiffusionModel),
    ("cond_stage_model.1.", Role::ClipG),
    ("cond_stage_model.", Role::ClipL),
    ("conditioner.embedders.1.", Role::ClipG),
    ("conditioner.embedders.0.", Role::ClipL),
    ("text_encoders.clip_l.", Role::ClipL),
    ("text_encoders.clip_g.", Role::ClipG),
    ("text_encoders.t5xxl.", Role::T5xxl),
    ("text_encoders.llm.visual.", Role::LlmVision),
    ("text_encoders.llm.", Role::Llm),
    ("te.1.", Role::ClipG),
    ("te.", Role::ClipL),
    ("first_stage_model.", Role::Vae),
    ("vae.", Role::Vae),
    ("tae.", Role::Taesd),
    ("control_model.", Role::ControlNet),
];

/// What follows the prefix of a role before the names that families share.
const INNER: &[&str] = &["transformer.text_model.", "text_model.", "transformer.", "model."];

impl Spelling {
    /// How the names of a main file are to be read: if none has a prefix, it is a single part.
    pub(crate) fn of(file: &Checkpoint) -> Self {
        if file.tensors.iter().any(|tensor| prefixed(&tensor.name).is_some()) {
            return Self::Whole;
        }
        match file.contents() {
            Contents::Diffusion => Self::Component(Role::DiffusionModel),
            Contents::Lora => Self::Component(Role::Lora),
            Contents::Vae => Self::Component(Role::Vae),
            Contents::TextEncoder | Contents::Unknown => Self::Whole,
        }
    }

    pub(crate) fn role(self) -> Option<Role> {
        match self {
            Self::Whole => None,
            Self::Component(role) => Some(role),
        }
    }
}

/// The role that a tensor belongs to, and its name within it.
pub(crate) fn place(name: &str, spelling: Spelling) -> Option<(Role, &str)> {
    let (role, rest) = match (prefixed(name), spelling) {
        (Some((role, rest)), Spelling::Whole) => (role, rest),
        // A component may carry its prefix, and then has the role that it was named for.
        (Some((_, rest)), Spelling::Component(role)) => (role, rest),
        (None, Spelling::Component(role)) => (role, name),
        (None, Spelling::Whole) => return None,
    };
    Some((role, if role.is_encoder() { inner(rest) } else { rest }))
}

fn prefixed(name: &str) -> Option<(Role, &str)> {
    PREFIXES.iter().find_map(|&(prefix, role)| Some((role, name.strip_prefix(prefix)?)))
}

fn inner(rest: &str) -> &str {
    INNER.iter().find_map(|prefix| rest.strip_prefix(prefix)).unwrap_or(rest)
}
