//! Prints what a model takes: `cargo run --example memory -- FILE [FLAGS]`, with flags as
//! `llama-server` has them: `--ctx-size N`, `--parallel N`, `--ubatch-size N`, `--gpu-layers N`,
//! `--cache-type q8_0`, `--flash-attn off`, `--n-cpu-moe N`, and `--devices N`.
#![expect(clippy::print_stdout, reason = "an example that prints")]

use std::error::Error;

use loadmaster_gguf::{
    Header, TensorType,
    memory::{Load, Part, predict},
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("usage: memory FILE [--ctx-size N] [--gpu-layers N] ...")?;
    let mut load = Load::default();
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{flag} takes a value"))?;
        match flag.as_str() {
            "--ctx-size" => load.context_length = value.parse()?,
            "--parallel" => load.parallel = value.parse()?,
            "--ubatch-size" => load.ubatch = value.parse()?,
            "--gpu-layers" => load.gpu_layers = value.parse()?,
            "--n-cpu-moe" => load.cpu_moe_layers = value.parse()?,
            "--devices" => load.devices = vec![1.0; value.parse()?],
            "--flash-attn" => load.flash_attention = value != "off",
            "--cache-type" => {
                let named = |kind: &&TensorType| kind.to_string().eq_ignore_ascii_case(&value);
                let kind = *TensorType::ALL.iter().find(named).ok_or_else(|| format!("no type {value}"))?;
                (load.cache_type_k, load.cache_type_v) = (kind, kind);
            }
            _ => return Err(format!("no flag {flag}").into()),
        }
    }
    if load.gpu_layers > 0 && load.devices.is_empty() {
        load.devices = vec![1.0];
    }
    let usage = predict(&Header::open(file)?, &load);
    println!(
        "{:8} {:>10} {:>10} {:>10} {:>10} {:>10} MiB",
        "", "weights", "cache", "state", "compute", "total"
    );
    for (number, part) in usage.devices.iter().enumerate() {
        print(&format!("device {number}"), part);
    }
    print("host", &usage.host);
    println!("of the host's weights, {} MiB are mapped from the file", usage.host.mapped >> 20);
    Ok(())
}

fn print(name: &str, part: &Part) {
    let [weights, cache, state, compute, total] =
        [part.weights, part.kv_cache, part.recurrent_state, part.compute, part.total()].map(mib);
    println!("{name:8} {weights:10.1} {cache:10.1} {state:10.1} {compute:10.2} {total:10.1}");
}

#[expect(clippy::cast_precision_loss, reason = "printed with two digits")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
