//! `loadmaster binaries list`

use std::fmt::Write as _;

use loadmaster_binaries::{Installed, LeftOut, Library, Listing, Program, Unsuitable};
use loadmaster_core::Bytes;
use serde_json::{Value, json};

use crate::{Failed, args::ListBuildsArgs, builds, printed::print, table};

pub(super) async fn execute(args: &ListBuildsArgs, library: &Library) -> Result<(), Failed> {
    let host = builds::host().await?;
    let programs = args.program.map_or_else(|| Program::ALL.to_vec(), |program| vec![program]);
    let listings = programs.into_iter().map(|program| library.list(program, &host));
    let listings = listings.collect::<Result<Vec<_>, _>>()?;
    if args.json {
        return print(&format!("{:#}\n", as_json(library, &listings)));
    }
    print(&listings.iter().map(shown).collect::<Vec<_>>().join("\n"))
}

fn as_json(library: &Library, listings: &[Listing]) -> Value {
    let mut programs = json!(listings);
    for (listing, json) in listings.iter().zip(programs.as_array_mut().into_iter().flatten()) {
        for (left_out, json) in
            listing.left_out.iter().zip(json["left_out"].as_array_mut().into_iter().flatten())
        {
            json["why"]["text"] = left_out.why.to_string().into();
        }
    }
    json!({ "folder": library.folder(), "programs": programs })
}

/// A table of the builds of one program, and below it why some are not used.
fn shown(listing: &Listing) -> String {
    let mut rows = vec![["BUILD", "FOR", "SIZE", ""].map(str::to_owned).to_vec()];
    rows.extend(listing.installed.iter().map(|installed| installed_row(installed, listing)));
    for available in &listing.available {
        let is_installed = listing.installed.iter().any(|installed| installed.build == available.build);
        if !is_installed {
            rows.push(vec![
                available.build.clone(),
                available.variant.to_string(),
                String::new(),
                "can be installed".to_owned(),
            ]);
        }
    }
    for left_out in listing.left_out.iter().filter(|left_out| is_of_interest(left_out)) {
        let why = format!("left out: {}", left_out.why);
        rows.push(vec![left_out.build.clone(), left_out.variant.to_string(), String::new(), why]);
    }
    let mut text = format!("{}\n{}", name(listing.program), table::left(&rows));
    if listing.current.is_none() {
        // Writing into a string cannot fail, here and below.
        let _ = writeln!(text, "none is used: `loadmaster binaries install {}`", listing.program);
    }
    for attempt in &listing.attempts {
        let _ = writeln!(text, "{} was tried for {}:", attempt.build, attempt.variant);
        let _ = writeln!(text, "{}", builds::failed(attempt));
    }
    text
}

fn installed_row(installed: &Installed, listing: &Listing) -> Vec<String> {
    let Installed { build, proofs, bytes, damage, .. } = installed;
    let is_current = listing.current.as_ref() == Some(build);
    let state = match damage {
        Some(damage) => damage.clone(),
        None if is_current && listing.pinned => "in use, pinned".to_owned(),
        None if is_current => "in use".to_owned(),
        None => "installed".to_owned(),
    };
    let variant = proofs.first().map_or_else(String::new, |proof| proof.variant.to_string());
    vec![build.clone(), variant, Bytes(*bytes).to_string(), state]
}

/// Builds for other systems are no news.
fn is_of_interest(left_out: &LeftOut) -> bool {
    left_out.why != Unsuitable::OtherPlatform
}

fn name(program: Program) -> &'static str {
    match program {
        Program::Llama => "llama.cpp (llama)",
        Program::Sd => "stable-diffusion.cpp (sd)",
    }
}
