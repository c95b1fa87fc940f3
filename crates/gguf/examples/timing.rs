//! How long headers take in this process: `cargo run --release --example timing -- RUNS FILE.gguf...`
//!
//! One JSON line for each file: the median in milliseconds without large arrays and with all, and counts by
//! which other readers can be checked.
#![expect(clippy::print_stdout, reason = "printing is what the example is for")]

use std::{env, error::Error, hint::black_box, time::Instant};

use loadmaster_gguf::{ArrayMode, Facts, GgufError, Header, ReadOptions};
use serde_json::json;

/// The median time of `runs` readings of the file's facts, in milliseconds. The first one is not counted.
fn median_ms(runs: usize, path: &str, arrays: ArrayMode) -> Result<f64, GgufError> {
    let mut times = Vec::with_capacity(runs);
    for run in 0..=runs {
        let start = Instant::now();
        let header = Header::open_with(path, ReadOptions { arrays })?;
        black_box(Facts::of(&header));
        if run > 0 {
            times.push(start.elapsed().as_secs_f64() * 1000.0);
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times.get(runs / 2).copied().unwrap_or_default())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let runs: usize = arguments.next().ok_or("usage: timing RUNS FILE.gguf...")?.parse()?;
    for path in arguments {
        let header = Header::open(&path)?;
        let tokens = header.metadata().get_array("tokenizer.ggml.tokens").map(loadmaster_gguf::Array::count);
        let line = json!({
            "facts_ms": median_ms(runs, &path, ArrayMode::Skip)?,
            "all_ms": median_ms(runs, &path, ArrayMode::Read)?,
            "header_bytes": header.header_bytes(),
            "keys": header.metadata().len(),
            "tensors": header.tensors().len(),
            "tokens": tokens.unwrap_or(0),
        });
        println!("{line}");
    }
    Ok(())
}
