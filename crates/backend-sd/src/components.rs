//! The files that a model consists of beside its own.

use std::{collections::BTreeMap, path::PathBuf};

use loadmaster_core::{
    BackendError,
    setting::{read, refusal},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The roles that a file can have, and the flag that names a file of it to both programs.
pub(crate) const ROLES: [(&str, &str); 9] = [
    ("diffusion_model", "--diffusion-model"),
    ("high_noise_diffusion_model", "--high-noise-diffusion-model"),
    ("clip_l", "--clip_l"),
    ("clip_g", "--clip_g"),
    ("clip_vision", "--clip_vision"),
    ("t5xxl", "--t5xxl"),
    ("llm", "--llm"),
    ("vae", "--vae"),
    ("taesd", "--taesd"),
];

/// Files by role.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Components(pub BTreeMap<String, PathBuf>);

impl Components {
    /// Reads the setting, and refuses roles that there are not.
    pub(crate) fn read(value: &Value) -> Result<Self, BackendError> {
        let files: BTreeMap<String, PathBuf> = read("components", value, "it takes files by role")?;
        for role in files.keys() {
            if flag(role).is_none() {
                let roles: Vec<&str> = ROLES.iter().map(|(role, _)| *role).collect();
                let expected = format!("the roles are {}", roles.join(", "));
                return Err(refusal("components", &Value::from(role.as_str()), &expected));
            }
        }
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        Ok(Self(files.into_iter().map(|(role, path)| (role, absolute(path))).collect()))
    }
}

/// The flag that names a file of `role`.
pub(crate) fn flag(role: &str) -> Option<&'static str> {
    ROLES.iter().find(|(name, _)| *name == role).map(|(_, flag)| *flag)
}
