//! Prints what a GGUF file says about itself: `cargo run --example facts -- model.gguf`.
#![expect(clippy::print_stdout, reason = "printing is what the example is for")]

use std::process::ExitCode;

use loadmaster_gguf::{Facts, GgufError, Header, WeightSizes};

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        println!("usage: facts FILE.gguf");
        return ExitCode::from(2);
    };
    match print(&path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}\n{}", error.remedy());
            ExitCode::FAILURE
        }
    }
}

fn print(path: &std::ffi::OsStr) -> Result<(), GgufError> {
    let header = Header::open(path)?;
    println!("{:#?}", Facts::of(&header));

    println!("\nMetadata");
    for (key, value) in header.metadata().iter() {
        let text: String = value.to_string().escape_debug().take(60).collect();
        println!("  {key:<50} {text}");
    }

    let sizes = WeightSizes::of(&header);
    println!("\nBytes");
    for total in &sizes.by_type {
        println!("  {:<18} {:>14} in {} tensors", total.kind.to_string(), total.bytes, total.tensors);
    }
    println!(
        "  {:<18} {:>14} in {} layers",
        "layers",
        sizes.layer_bytes.iter().sum::<u64>(),
        sizes.layer_bytes.len()
    );
    println!("  {:<18} {:>14}", "token embedding", sizes.token_embedding_bytes);
    println!("  {:<18} {:>14}", "output", sizes.output_bytes);
    println!("  {:<18} {:>14}", "other", sizes.other_bytes);

    if let Some(length) = header.file_len() {
        match header.check_complete(length) {
            Ok(()) => println!("\nThe file is complete."),
            Err(error) => println!("\n{error}\n{}", error.remedy()),
        }
    }
    Ok(())
}
