//! `cargo xtask bench loads`: what was predicted for real loads, beside the memory of the server's process.

mod load;
mod process;
mod section;

use anyhow::{Result, ensure};

use super::{machine, page};
use crate::fixtures::Store;
use crate::workspace;

/// Where the layers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Cpu,
    /// Vulkan in software: the memory of the device is that of the process.
    Llvmpipe,
}

/// One load.
struct Case {
    place: Place,
    /// In tokens.
    context: u32,
    /// Tokens of the prompt whose answer is waited for before anything is measured.
    prompt: u32,
}

/// A prompt fills the context on the CPU as far as the server lets it: a slot has no more than the model was
/// trained on. On llvmpipe, which reads some tokens a second, a short one must do; one longer than a
/// micro-batch shows what that leaves out.
const CASES: &[Case] = &[
    Case { place: Place::Cpu, context: 2048, prompt: 2000 },
    Case { place: Place::Cpu, context: 8192, prompt: 8000 },
    Case { place: Place::Cpu, context: 32768, prompt: 8000 },
    Case { place: Place::Llvmpipe, context: 2048, prompt: 64 },
    Case { place: Place::Llvmpipe, context: 2048, prompt: 600 },
    Case { place: Place::Llvmpipe, context: 8192, prompt: 64 },
    Case { place: Place::Llvmpipe, context: 32768, prompt: 64 },
];

/// Loads, asks, measures, and writes the page.
pub(super) fn run(date: &str) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "this benchmark reads /proc: it runs on Linux only");
    let store = Store::open()?;
    let (llama_server, smollm2) = (store.llama_server()?, store.smollm2()?);
    let release = workspace::build_release()?;
    let mut loads = Vec::new();
    for case in CASES {
        eprintln!("{:?}, context {}, a prompt of {} tokens", case.place, case.context, case.prompt);
        loads.push(load::measure(&release, &llama_server, &smollm2, case)?);
    }
    let section = section::section(date, &machine::describe()?, CASES, &loads);
    println!("{section}");
    page::write("loads", &section)
}
