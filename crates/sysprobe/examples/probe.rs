//! Prints what this machine has and what is free now, as JSON.
//!
//! `cargo run -p loadmaster-sysprobe --example probe`
#![expect(clippy::print_stdout, reason = "printing is what this example is for")]

use loadmaster_sysprobe::{Probe, answer_if_asked};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    answer_if_asked();
    let probe = Probe::in_own_child()?;
    let facts = probe.facts()?;
    let now = probe.snapshot(&facts)?;
    let both = serde_json::json!({"facts": facts, "now": now});
    println!("{}", serde_json::to_string_pretty(&both)?);
    Ok(())
}
