//! A model as it is run: a main file and components.

use std::path::Path;

use crate::{
    checkpoint::Checkpoint,
    error::CheckpointError,
    family::{Family, Task, tell},
    names::{Spelling, place},
    role::Role,
    tensor::Tensor,
};

/// A tensor and what it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) role: Role,
    /// Its name within the role, as in `input_blocks.0.0.weight`.
    pub(crate) name: String,
    pub(crate) tensor: Tensor,
    /// Which of the files it is in; 0 is the main one.
    pub(crate) file: usize,
}

/// A model as it is run: a main file and components, each by its role. A component takes the place of what
/// the main file has for its role.
#[derive(Debug, Clone)]
pub struct Parts {
    main: Checkpoint,
    components: Vec<(Role, Checkpoint)>,
    main_role: Option<Role>,
    placed: Vec<Placed>,
}

impl Parts {
    /// Reads the main file alone: a whole checkpoint, or a single diffusion model.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        Ok(Self::of(Checkpoint::open(path)?))
    }

    /// Judges a main file that was read already.
    pub fn of(main: Checkpoint) -> Self {
        let spelling = Spelling::of(&main);
        let mut parts = Self { main_role: spelling.role(), components: Vec::new(), placed: Vec::new(), main };
        for tensor in &parts.main.tensors {
            if let Some((role, name)) = place(&tensor.name, spelling) {
                parts.placed.push(Placed { role, name: name.into(), tensor: tensor.clone(), file: 0 });
            }
        }
        parts
    }

    /// Adds the file at `path` as a component.
    pub fn with(self, role: Role, path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        Ok(self.with_checkpoint(role, Checkpoint::open(path)?))
    }

    /// Adds a file that was read already as a component, in the place of what there was for its role.
    #[must_use]
    pub fn with_checkpoint(mut self, role: Role, checkpoint: Checkpoint) -> Self {
        self.components.push((role, checkpoint));
        let file = self.components.len();
        let (_, checkpoint) = &self.components[file - 1];
        // stable-diffusion.cpp adds the tensors of the file to those of the others, under the role's prefix: of
        // two that have one name the later is taken (`add_tensor_storage`).
        let more: Vec<Placed> = checkpoint
            .tensors
            .iter()
            .filter_map(|tensor| {
                let (role, name) = place(&tensor.name, Spelling::Component(role))?;
                Some(Placed { role, name: name.into(), tensor: tensor.clone(), file })
            })
            .collect();
        let replaced: std::collections::BTreeSet<(Role, &str)> =
            more.iter().map(|placed| (placed.role, placed.name.as_str())).collect();
        self.placed.retain(|placed| !replaced.contains(&(placed.role, placed.name.as_str())));
        drop(replaced);
        self.placed.extend(more);
        self
    }

    /// The main file.
    pub fn main(&self) -> &Checkpoint {
        &self.main
    }

    /// The role of the main file if it is a single part, which is then given to stable-diffusion.cpp by
    /// [`Role::option`]; `None` for a whole checkpoint, which is given by `-m`.
    pub fn main_role(&self) -> Option<Role> {
        self.main_role
    }

    /// The components that were added.
    pub fn components(&self) -> &[(Role, Checkpoint)] {
        &self.components
    }

    /// Whether there are tensors for a role, in whichever file.
    pub fn has(&self, role: Role) -> bool {
        self.placed.iter().any(|placed| placed.role == role)
    }

    /// The roles that there are tensors for.
    pub fn roles(&self) -> Vec<Role> {
        Role::ALL.iter().copied().filter(|&role| self.has(role)).collect()
    }

    /// The family that the tensors belong to.
    pub fn family(&self) -> Option<Family> {
        tell(self).map(|(family, _)| family)
    }

    /// What the model is made to do.
    pub fn task(&self) -> Option<Task> {
        tell(self).map(|(_, task)| task)
    }

    /// The tensors of a role, with their names within it.
    pub(crate) fn of_role(&self, role: Role) -> impl Iterator<Item = &Placed> {
        self.placed.iter().filter(move |placed| placed.role == role)
    }

    /// The role that decodes pictures: a tiny autoencoder where there is one, for stable-diffusion.cpp takes it
    /// then.
    pub(crate) fn decoder_role(&self) -> Role {
        if self.has(Role::Taesd) { Role::Taesd } else { Role::Vae }
    }

    /// Whether the autoencoder in use can encode pictures too.
    pub(crate) fn decoder_has_encoder(&self) -> bool {
        self.of_role(self.decoder_role()).any(|placed| placed.name.starts_with("encoder."))
    }
}
