//! Prints what a model is, what it is made of, what is missing, and what images take of memory.
//!
//! `cargo run --example family -- MODEL [ROLE=FILE ...]`, as in `family flux1-dev.gguf t5xxl=t5xxl_fp16.safetensors`.

use std::{env, process::ExitCode};

use loadmaster_checkpoint::{CheckpointError, Parts, Role, Runs, memory};

const MIB: u64 = 1 << 20;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to whoever runs it")]
fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let Some(model) = arguments.next() else {
        eprintln!("usage: family MODEL [ROLE=FILE ...]");
        return ExitCode::FAILURE;
    };
    match show(&model, arguments) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}\n{}", error.remedy());
            ExitCode::FAILURE
        }
    }
}

fn show(model: &str, components: impl Iterator<Item = String>) -> Result<String, CheckpointError> {
    use std::fmt::Write as _;
    let mut parts = Parts::open(model)?;
    for component in components {
        let (role, path) = component.split_once('=').unwrap_or((&component, ""));
        parts = parts.with(role.parse::<Role>()?, path)?;
    }
    let mut text = String::new();
    let family = parts.family().map_or("unknown", |family| family.name());
    let roles: Vec<&str> = parts.roles().into_iter().map(Role::as_str).collect();
    let _ = writeln!(text, "family    {family} ({})", parts.task().map_or("?", |task| task.as_str()));
    let _ = writeln!(text, "parts     {}", roles.join(", "));
    for (runs, name) in [(Runs::OneShot, "sd-cli"), (Runs::Resident, "sd-server")] {
        for missing in parts.missing(runs) {
            let _ = writeln!(text, "{name:10}{missing}");
        }
    }
    let _ = writeln!(
        text,
        "{:>9} {:>18} {:>18} {:>18} {:>9} {:>9}   MiB",
        "size", "text", "denoiser", "decoder", "one-shot", "resident"
    );
    for side in [256, 512, 768, 1024] {
        let memory = memory::peak(&parts, &memory::Ask::of(side, side))?;
        let phase = |phase: memory::Phase| {
            format!("{} + {}", phase.weights.host.div_ceil(MIB), phase.compute.host.div_ceil(MIB))
        };
        let _ = writeln!(
            text,
            "{:>9} {:>18} {:>18} {:>18} {:>9} {:>9}   {:?}",
            format!("{side}x{side}"),
            phase(memory.text),
            phase(memory.denoiser),
            phase(memory.decoder),
            memory.one_shot.host.div_ceil(MIB),
            memory.resident.host.div_ceil(MIB),
            memory.basis,
        );
    }
    Ok(text)
}
