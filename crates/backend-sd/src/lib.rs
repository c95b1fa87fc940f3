//! Runs image models with stable-diffusion.cpp: `sd-server`, or `sd-cli` for each request.
mod arguments;
mod backend;
mod components;
mod diagnose;
mod door;
mod extra;
mod history;
mod launch;
mod log;
mod model;
mod one_shot;
mod options;
mod order;
mod planner;
mod process;
mod programs;
mod progress;
mod resident;
mod server;
mod settings;
mod studio;

use loadmaster_core::{BackendFactory, submit_backend};

pub use self::{
    backend::SdBackend,
    components::Components,
    settings::{Mode, Savings, Settings},
};

submit_backend!(BackendFactory {
    id: SdBackend::ID,
    description: "image models with sd-server and sd-cli of stable-diffusion.cpp",
    make: SdBackend::make,
});
