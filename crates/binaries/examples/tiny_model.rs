//! Writes the model that builds are proven with: `cargo run --example tiny_model -- FILE`

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("which file?")?;
    loadmaster_binaries::write_tiny_model(path.as_ref())?;
    Ok(())
}
