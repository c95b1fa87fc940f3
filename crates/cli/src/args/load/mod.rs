//! How models are loaded: from flags to the settings that backends know.

mod image_models;
mod language;
mod shared;
mod ways;

use clap::Args;

use self::{
    image_models::{ImageModelArgs, RequestArgs},
    language::{DeviceArgs, LanguageArgs},
    shared::SharedArgs,
};
use crate::load_flags::LoadFlags;

/// How models of any kind are loaded: whatever is not given is chosen for this machine.
#[derive(Debug, Default, Args)]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    shared: SharedArgs,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    language: LanguageArgs,
    #[command(flatten)]
    image: ImageModelArgs,
    #[command(flatten)]
    requests: RequestArgs,
}

impl LoadArgs {
    /// Those that were given.
    pub(crate) fn flags(&self) -> LoadFlags {
        let mut flags = LoadFlags::default();
        self.shared.add_to(&mut flags);
        self.device.add_to(&mut flags);
        self.language.add_to(&mut flags);
        self.image.add_to(&mut flags);
        self.requests.add_to(&mut flags);
        flags
    }
}

/// The same, for a machine whose GPUs are told in another way.
#[derive(Debug, Default, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    shared: SharedArgs,
    #[command(flatten)]
    language: LanguageArgs,
    #[command(flatten)]
    image: ImageModelArgs,
    #[command(flatten)]
    requests: RequestArgs,
}

impl PlanArgs {
    /// Those that were given.
    pub(crate) fn flags(&self) -> LoadFlags {
        let mut flags = LoadFlags::default();
        self.shared.add_to(&mut flags);
        self.language.add_to(&mut flags);
        self.image.add_to(&mut flags);
        self.requests.add_to(&mut flags);
        flags
    }
}

/// How a language model is loaded, where there can be no other.
#[derive(Debug, Default, Args)]
pub(crate) struct LanguageLoadArgs {
    #[command(flatten)]
    shared: SharedArgs,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    language: LanguageArgs,
}

impl LanguageLoadArgs {
    /// Those that were given.
    pub(crate) fn flags(&self) -> LoadFlags {
        let mut flags = LoadFlags::default();
        self.shared.add_to(&mut flags);
        self.device.add_to(&mut flags);
        self.language.add_to(&mut flags);
        flags
    }
}

/// How an image model is loaded for a request that is known: what the request itself says is none of these.
#[derive(Debug, Default, Args)]
pub(crate) struct ImageLoadArgs {
    #[command(flatten)]
    shared: SharedArgs,
    #[command(flatten)]
    image: ImageModelArgs,
}

impl ImageLoadArgs {
    /// Those that were given.
    pub(crate) fn flags(&self) -> LoadFlags {
        let mut flags = LoadFlags::default();
        self.shared.add_to(&mut flags);
        self.image.add_to(&mut flags);
        flags
    }
}

/// Servers may have another current folder.
fn absolute(file: &str) -> String {
    std::path::absolute(file).map_or_else(|_| file.to_owned(), |path| path.display().to_string())
}

/// The settings that a command line comes to for a model of `kind`.
#[cfg(test)]
fn settings(line: &str, kind: loadmaster_core::ModelKind) -> serde_json::Value {
    use clap::Parser;

    use crate::args::{Args, Command};

    let flags = match Args::parse_from(line.split_whitespace()).command {
        Command::Run(run) => run.load.flags(),
        Command::Image(image) => image.load.flags(),
        Command::Serve(serve) => serve.load.flags(),
        Command::Estimate(estimate) => estimate.plan.flags(),
        other => panic!("{other:?} loads nothing"),
    };
    flags.settings(kind, &loadmaster_core::Settings::new()).into()
}
