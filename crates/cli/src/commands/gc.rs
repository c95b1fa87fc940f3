//! `loadmaster gc`

use std::{fmt::Write as _, process::ExitCode, time::Duration};

use loadmaster_core::Bytes;
use loadmaster_models::{GcOptions, GcReport};
use serde_json::json;

use crate::{Failed, args::GcArgs, config::Config, library, printed::print};

pub(crate) async fn execute(args: GcArgs, config: &Config) -> Result<ExitCode, Failed> {
    let library = library::open(config)?;
    let default = GcOptions::default();
    let keep_unfinished = if args.unfinished { Duration::ZERO } else { default.keep_unfinished };
    let options = GcOptions { dry_run: args.dry_run, keep_unfinished };
    let report = library::blocking(move || library.gc(options)).await?;
    if args.json {
        print(&format!("{:#}\n", json!(report)))?;
    } else {
        print(&told(&report, args.dry_run))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn told(report: &GcReport, dry_run: bool) -> String {
    let mut text = String::new();
    let removed = if dry_run { "would remove" } else { "removed" };
    for gone in &report.removed {
        // Writing into a string cannot fail, here and below.
        let _ = writeln!(text, "{removed} {}, {}: {}", gone.path.display(), Bytes(gone.bytes), gone.what);
    }
    for kept in &report.kept {
        let _ = writeln!(text, "kept {}, {}: {}", kept.path.display(), Bytes(kept.bytes), kept.why);
    }
    let free = if dry_run { "would be free" } else { "are free now" };
    let _ = writeln!(text, "{} {free}", Bytes(report.freed));
    text
}
