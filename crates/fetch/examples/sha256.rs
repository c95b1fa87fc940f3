//! Prints the SHA-256 of files: `sha256 FILE...`, or checks `sha256 HASH=FILE...` on all cores.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::{error::Error, path::PathBuf};

use loadmaster_fetch::{Verification, sha256_file};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut to_check = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.split_once('=') {
            Some((hash, file)) => to_check.push((PathBuf::from(file), hash.parse()?)),
            None => println!("{}  {argument}", sha256_file(argument.as_ref())?),
        }
    }
    let names: Vec<_> = to_check.iter().map(|(path, _)| path.display().to_string()).collect();
    for (name, outcome) in names.iter().zip(Verification::new(to_check).run().await) {
        println!("{name}: {}", outcome.map_or_else(|error| error.to_string(), |()| "right".to_owned()));
    }
    Ok(())
}
