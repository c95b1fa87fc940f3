//! Writes the model that builds of stable-diffusion.cpp are proven with: `cargo run --example tiny_painter -- FOLDER`

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).ok_or("which folder?")?;
    loadmaster_binaries::write_tiny_painter(folder.as_ref())?;
    Ok(())
}
