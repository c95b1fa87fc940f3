//! What a model lacks before it can be started.

use std::fmt;

use serde::Serialize;

use crate::{family::Family, parts::Parts, role::Role};

/// How a model is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Runs {
    /// By `sd-server`, which keeps it loaded.
    Resident,
    /// By `sd-cli`, once for each request.
    OneShot,
}

/// A part without which a model does not work. `Display` says which and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Missing {
    /// The component that would mend it.
    pub role: Role,
    /// Components of which any would do as well.
    pub or: &'static [Role],
    /// What happens without it.
    pub otherwise: Otherwise,
}

/// What happens without a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Otherwise {
    /// The program ends while it loads the model.
    DoesNotStart,
    /// The program starts, and is killed by a signal at the first image.
    CrashesAtFirstImage,
    /// There is such a part, without the half that encodes pictures; `sd-server` always loads it.
    LacksEncoder,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.role)?;
        for or in self.or {
            write!(f, " or {or}")?;
        }
        f.write_str(match self.otherwise {
            Otherwise::DoesNotStart => " is missing: the model does not load without it",
            Otherwise::CrashesAtFirstImage => {
                " is missing: the model loads without it, and crashes at the first image"
            }
            Otherwise::LacksEncoder => {
                " has a decoder alone, and a server that stays loaded needs both halves"
            }
        })
    }
}

/// The encoders that a family needs, as stable-diffusion.cpp builds them (`conditioner.hpp`).
pub(crate) enum Encoders {
    /// All of these.
    All(&'static [Role]),
    /// At least one of these; the others may be missing, for worse pictures.
    AnyOf(&'static [Role]),
    /// These would be used, and may all be missing, for worse pictures.
    Optional(&'static [Role]),
}

impl Family {
    pub(crate) const fn encoders(self) -> Encoders {
        match self {
            Self::Sd1 | Self::Sd1Tiny | Self::Sdxs | Self::Sd2 | Self::Sd2Tiny => {
                Encoders::All(&[Role::ClipL])
            }
            Self::Sdxl | Self::SdxlSsd1b | Self::SdxlVega => Encoders::All(&[Role::ClipL, Role::ClipG]),
            Self::SdxlRefiner => Encoders::All(&[Role::ClipG]),
            Self::Svd => Encoders::All(&[Role::ClipVision]),
            Self::Sd3 => Encoders::AnyOf(&[Role::ClipL, Role::ClipG, Role::T5xxl]),
            Self::Flux1Dev | Self::Flux1Schnell => Encoders::AnyOf(&[Role::ClipL, Role::T5xxl]),
            Self::Chroma | Self::ChromaRadiance | Self::Wan => Encoders::Optional(&[Role::T5xxl]),
            Self::PixArt => Encoders::All(&[Role::T5xxl]),
            Self::Flux2
            | Self::Flux2Klein
            | Self::LongCat
            | Self::QwenImage
            | Self::ZImage
            | Self::OvisImage
            | Self::ErnieImage
            | Self::Anima => Encoders::All(&[Role::Llm]),
        }
    }
}

impl Parts {
    /// What is missing before the model can be started so; empty if nothing is. A model of an unknown family
    /// gives nothing here: its [`Parts::family`] is `None`.
    pub fn missing(&self, runs: Runs) -> Vec<Missing> {
        let Some(family) = self.family() else { return Vec::new() };
        let mut missing = Vec::new();
        let mut lack = |role, or, otherwise| missing.push(Missing { role, or, otherwise });
        if !self.has(Role::DiffusionModel) {
            lack(Role::DiffusionModel, &[], Otherwise::DoesNotStart);
        }
        match family.encoders() {
            Encoders::All(roles) => {
                for &role in roles.iter().filter(|&&role| !self.has(role)) {
                    lack(role, &[], Otherwise::DoesNotStart);
                }
            }
            Encoders::AnyOf(roles) if !roles.iter().any(|&role| self.has(role)) => {
                if let [first, rest @ ..] = roles {
                    lack(*first, rest, Otherwise::CrashesAtFirstImage);
                }
            }
            Encoders::AnyOf(_) | Encoders::Optional(_) => {}
        }
        if !self.has(Role::Vae) && !self.has(Role::Taesd) {
            if family != Family::ChromaRadiance {
                lack(Role::Vae, &[Role::Taesd], Otherwise::DoesNotStart);
            }
        } else if runs == Runs::Resident && !self.decoder_has_encoder() {
            lack(self.decoder_role(), &[], Otherwise::LacksEncoder);
        }
        missing
    }

    /// Encoders that the family uses and that are not there, without which pictures follow their words less.
    pub fn weaker_without(&self) -> Vec<Role> {
        let (Encoders::AnyOf(roles) | Encoders::Optional(roles)) = (match self.family() {
            Some(family) => family.encoders(),
            None => return Vec::new(),
        }) else {
            return Vec::new();
        };
        roles.iter().copied().filter(|&role| !self.has(role)).collect()
    }
}
