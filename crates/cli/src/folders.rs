//! Where this command keeps its files.

#[cfg_attr(unix, path = "folders/unix.rs")]
#[cfg_attr(not(unix), path = "folders/windows.rs")]
mod system;

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use crate::Failed;

/// The folders. They are made when they are first needed.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    /// Has `config.toml`.
    pub(crate) config: PathBuf,
    /// The library of models.
    pub(crate) models: PathBuf,
    /// Server logs.
    pub(crate) logs: PathBuf,
    /// What must survive a crash.
    pub(crate) state: PathBuf,
    /// Builds of servers.
    pub(crate) builds: PathBuf,
    /// Sockets; private to the user, and with a path as short as can be.
    pub(crate) runtime: PathBuf,
}

impl Folders {
    /// All in `home`, or where the platform keeps such files.
    pub(crate) fn find(home: Option<&Path>) -> Result<Self, Failed> {
        if let Some(home) = home {
            let home = std::path::absolute(home)
                .map_err(|error| Failed::usage(format!("{} is no folder: {error}", home.display())))?;
            let inside = |name: &str| home.join(name);
            return Ok(Self {
                models: inside("models"),
                logs: inside("logs"),
                state: inside("state"),
                builds: inside("builds"),
                runtime: inside("run"),
                config: home,
            });
        }
        let base = etcetera::choose_base_strategy().map_err(|error| {
            Failed::because(format!("Your home folder could not be found: {error}"))
                .remedy("Set LOADMASTER_HOME to the folder that shall have configuration, logs and state.")
        })?;
        let data = base.data_dir().join("loadmaster");
        let runtime = base.runtime_dir().filter(|folder| folder.is_dir());
        Ok(Self {
            config: base.config_dir().join("loadmaster"),
            models: data.join("models"),
            logs: data.join("logs"),
            state: data.join("state"),
            builds: data.join("builds"),
            runtime: runtime.map_or_else(system::temporary_runtime_dir, |folder| folder.join("loadmaster")),
        })
    }

    /// Makes the folders that servers need.
    pub(crate) fn make(&self) -> Result<(), Failed> {
        for folder in [&self.logs, &self.state] {
            std::fs::create_dir_all(folder).map_err(|error| unusable(folder, &error))?;
        }
        system::make_private(&self.runtime).map_err(|error| unusable(&self.runtime, &error))
    }
}

fn unusable(folder: &Path, error: &std::io::Error) -> Failed {
    Failed::because(format!("The folder {} cannot be used: {error}", folder.display()))
        .remedy("Make it yours, or name another place with LOADMASTER_HOME.")
}
