//! Proves a build: that it starts at all, and that it really works on the device it is for.

mod device;
mod diagnose;
#[cfg_attr(unix, path = "endpoint_unix.rs")]
#[cfg_attr(not(unix), path = "endpoint_other.rs")]
mod endpoint;
mod executable;
mod fault;
mod paints;
mod picture;
mod random;
mod starts;
mod tiny_model;
mod tiny_painter;
mod works;

use std::{ffi::OsString, path::Path};

use loadmaster_supervise::{Spec, Supervisor};
use serde::{Deserialize, Serialize};

pub use self::{fault::Fault, tiny_model::write_tiny_model, tiny_painter::write_tiny_painter};
use crate::catalog::{Program, Variant};

/// What was found out about a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// What it was to compute on.
    pub variant: Variant,
    /// The device it computed on, by the name that the build gives it; `None` for the processor.
    pub device: Option<String>,
    /// The version that it says it is.
    pub version: Option<String>,
    /// Whether it worked: answered, or painted. If not, it was only seen that it starts, as of a build of
    /// stable-diffusion.cpp that has a server alone.
    pub worked: bool,
    /// When, in seconds since 1970.
    pub at: u64,
}

/// Starts builds to see whether they work.
#[derive(Debug, Clone)]
pub struct Prover {
    supervisor: Supervisor,
    env: Vec<(OsString, OsString)>,
}

impl Prover {
    /// Starts them with `supervisor`, with `env` on top of the environment they inherit.
    pub fn new(supervisor: Supervisor, env: Vec<(OsString, OsString)>) -> Self {
        Self { supervisor, env }
    }

    /// Phase 1: the build starts, and says which version it is, if it does.
    ///
    /// # Errors
    /// [`Fault`] says why it does not.
    pub async fn starts(&self, program: Program, executable: &Path) -> Result<Option<String>, Fault> {
        starts::starts(self, program, executable).await
    }

    /// Phase 2: the build computes on a device of this sort: llama-server answers with tokens, sd-cli paints a
    /// picture. `None`: it was not tried, because a build of stable-diffusion.cpp has a server alone.
    ///
    /// A model of a few hundred KiB is written for it; the user's own are not touched.
    ///
    /// # Errors
    /// [`Fault`] says why it does not.
    pub async fn works(
        &self,
        program: Program,
        executable: &Path,
        variant: Variant,
    ) -> Result<Option<Worked>, Fault> {
        match program {
            Program::Llama => works::works(self, executable, variant).await.map(Some),
            Program::Sd => paints::paints(self, executable, variant).await,
        }
    }

    /// What starts a build, as all of them are started here.
    fn spec(&self, executable: &Path) -> Spec {
        let mut spec = Spec::new(executable)
            // Without it ggml starts a debugger where there is one, which takes long.
            .env("GGML_NO_BACKTRACE", "1");
        // llama.cpp takes flags from the environment too: the user's must not decide about the proof.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("LLAMA_ARG_") {
                spec = spec.env_remove(name);
            }
        }
        for (name, value) in &self.env {
            spec = spec.env(name, value);
        }
        spec
    }
}

/// What a build worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worked {
    /// The device, by the name that the build gives it; `None` for the processor.
    pub device: Option<String>,
}

/// What a program's file is called on this system.
fn file_name(program: &str) -> String {
    format!("{program}{}", std::env::consts::EXE_SUFFIX)
}
