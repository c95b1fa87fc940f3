//! `loadmaster rm`

use std::{fmt::Write as _, process::ExitCode};

use loadmaster_core::Bytes;
use loadmaster_models::RemoveReport;
use serde_json::json;

use crate::{Failed, args::RmArgs, config::Config, library, printed::print};

pub(crate) async fn execute(args: RmArgs, config: &Config) -> Result<ExitCode, Failed> {
    let library = library::open(config)?;
    let name = args.model;
    let report = library::blocking(move || library.remove(&name)).await?;
    if args.json {
        print(&format!("{:#}\n", json!(report)))?;
    } else {
        print(&told(&report))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn told(report: &RemoveReport) -> String {
    let RemoveReport { name, freed, kept, outside, notes } = report;
    let mut text = format!("removed {name}; {} are free now\n", Bytes(*freed));
    for part in kept {
        let (path, size, users) = (&part.path, Bytes(part.size), part.used_by.join(", "));
        // Writing into a string cannot fail, here and below.
        let _ = writeln!(text, "  kept {path}, {size}: used by {users}");
    }
    for path in outside {
        let _ = writeln!(text, "  kept {}: it is not the library's", path.display());
    }
    for note in notes {
        let _ = writeln!(text, "  note: {note}");
    }
    text
}

#[cfg(test)]
mod tests {
    use loadmaster_models::SharedPart;

    use super::*;

    #[test]
    fn what_stays_is_told_with_its_reason() {
        let shared =
            SharedPart { path: "ab/t5.gguf".into(), size: 1 << 30, used_by: vec!["a".into(), "b".into()] };
        let report = RemoveReport {
            name: "m".into(),
            freed: 2 << 20,
            kept: vec![shared],
            outside: vec!["/o/x.gguf".into()],
            notes: vec!["n".into()],
        };
        let expected = "removed m; 2.00 MiB are free now\n  kept ab/t5.gguf, 1.00 GiB: used by a, b\n  \
                        kept /o/x.gguf: it is not the library's\n  note: n\n";
        assert_eq!(told(&report), expected);
    }
}
