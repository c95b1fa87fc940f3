//! The servers: which one is used, whether it works, and why others were rejected.

use std::path::Path;

use loadmaster_binaries::{
    BinariesError, Host, Installed, LeftOut, Library, Listing, Observer, Program, Unsuitable, Wanted, choose,
    find_on_path,
};
use loadmaster_sysprobe::Facts;

use super::Check;
use crate::{Failed, builds, config::Config};

/// What the row of the server is called.
const SERVER: &str = "llama-server";

/// And that of the program for images.
const PAINTER: &str = "stable-diffusion";

pub(super) async fn checks(config: &Config, facts: &Facts) -> Vec<Check> {
    let host = Host::of(facts);
    let mut checks = installed(config, &host).await;
    if let Ok(catalog) = builds::catalog(config) {
        let left_out = Program::ALL.map(|program| choose(&catalog, &host, &Wanted::new(program)).left_out);
        checks.extend(left_out.iter().zip(Program::ALL).flat_map(|(left_out, of)| unsuitable(of, left_out)));
    }
    checks
}

/// The library of builds, and what is started of it.
async fn installed(config: &Config, host: &Host) -> Vec<Check> {
    if !config.folders.builds.is_dir() && config.builds.catalog.is_none() {
        // Nothing was ever installed: to look makes no folders.
        return vec![elsewhere(config)];
    }
    let library = match builds::look(config) {
        Ok(library) => library,
        Err(failed) => return vec![Check::failed("builds", &failed), elsewhere(config)],
    };
    let mut checks = vec![server(config, &library, host).await];
    checks.extend(painter(&library, host).await);
    for program in Program::ALL {
        match library.list(program, host) {
            Ok(listing) => checks.extend(listed(&listing)),
            Err(error) => checks.push(Check::failed("builds", &Failed::from(error))),
        }
    }
    checks
}

/// The server that is started: the one that is named, the installed one, or the first on `PATH`.
async fn server(config: &Config, library: &Library, host: &Host) -> Check {
    if builds::named(config).is_some() {
        return elsewhere(config);
    }
    match library.find(Program::Llama, host, &Observer::none()).await {
        Ok(found) => {
            let how = if found.remembered { "proven" } else { "proven just now" };
            Check::ok(SERVER, format!("{}: {how} on {}", found.build, found.variant))
        }
        Err(BinariesError::NotInstalled { .. }) => elsewhere(config),
        Err(error) => Check::failed(SERVER, &Failed::from(error)),
    }
}

/// The program that paints, where one is installed: nobody needs it who asks for no images.
async fn painter(library: &Library, host: &Host) -> Option<Check> {
    match library.find(Program::Sd, host, &Observer::none()).await {
        Ok(found) => {
            let how = match (found.proof.worked, found.remembered) {
                (true, true) => "proven",
                (true, false) => "proven just now",
                (false, _) => "seen to start",
            };
            Some(Check::ok(PAINTER, format!("{}: {how} on {}", found.build, found.variant)))
        }
        Err(BinariesError::NotInstalled { .. }) => None,
        Err(error) => Some(Check::failed(PAINTER, &Failed::from(error))),
    }
}

/// A server that is none of the library's.
fn elsewhere(config: &Config) -> Check {
    if let Some(path) = builds::named(config) {
        return named(path);
    }
    let on_path = config.search_path.as_ref().and_then(|path| find_on_path(Program::Llama, path));
    match on_path {
        Some(path) => Check::ok(SERVER, format!("{}, on PATH", path.display())),
        None => Check::problem(
            SERVER,
            "none is installed, and none is on PATH",
            "Install one: `loadmaster binaries install llama`.",
        ),
    }
}

fn named(path: &Path) -> Check {
    let program = if path.is_dir() {
        path.join(format!("{SERVER}{}", std::env::consts::EXE_SUFFIX))
    } else {
        path.to_owned()
    };
    if program.is_file() {
        return Check::ok(SERVER, format!("{}, as configured", program.display()));
    }
    Check::problem(
        SERVER,
        format!("there is none at {}", path.display()),
        "Correct the path given by --llama-server, LOADMASTER_LLAMA_SERVER or the configuration.",
    )
}

/// Builds that are damaged, and those that were rejected.
fn listed(listing: &Listing) -> Vec<Check> {
    let damaged = listing.installed.iter().filter_map(damaged);
    let rejected = listing.attempts.iter().map(|attempt| {
        let found = format!("{} was rejected for {}: {}", attempt.build, attempt.variant, attempt.cause);
        Check::note("builds", found, attempt.remedy.clone())
    });
    damaged.chain(rejected).collect()
}

/// The builds that do not suit this machine: a row for each reason of one's own making, which a new driver would
/// change, and one for the rest.
fn unsuitable(program: Program, left_out: &[LeftOut]) -> Vec<Check> {
    let (mut checks, mut lacks) = (Vec::new(), Vec::new());
    for LeftOut { build, variant, why } in left_out {
        match why {
            // Those for other systems are no news.
            Unsuitable::OtherPlatform | Unsuitable::NotAskedFor => {}
            Unsuitable::DriverTooOld { .. } | Unsuitable::NoInterface { .. } => {
                let found = format!("{build} is not for this machine: {why}");
                let remedy = "Update the card's driver, or install it.".to_owned();
                checks.push(Check::note("builds", found, Some(remedy)));
            }
            _ => {
                let lack = format!("{variant} ({why})");
                if !lacks.contains(&lack) {
                    lacks.push(lack);
                }
            }
        }
    }
    if !lacks.is_empty() {
        checks.push(Check::ok("builds", format!("{program}: left out are {}", lacks.join(", "))));
    }
    checks
}

fn damaged(installed: &Installed) -> Option<Check> {
    let damage = installed.damage.as_ref()?;
    let again = format!(
        "`loadmaster binaries install --build {0} --force` fetches it again, `loadmaster binaries remove {0}` removes it.",
        installed.build
    );
    Some(Check::problem("builds", format!("{}: {damage}", installed.build), again))
}

#[cfg(test)]
mod tests {
    use loadmaster_binaries::Variant;

    use super::*;
    use crate::commands::doctor::State;

    #[test]
    fn what_a_driver_would_change_is_a_note_and_what_is_not_there_is_none() {
        let left_out = |build: &str, variant, why| LeftOut { build: build.to_owned(), variant, why };
        let too_old = Unsuitable::DriverTooOld {
            card: "A card".to_owned(),
            has: "500.1".to_owned(),
            needs: "525.60.13".to_owned(),
        };
        let checks = unsuitable(
            Program::Llama,
            &[
                left_out("a", Variant::Cuda, too_old),
                left_out("b", Variant::Vulkan, Unsuitable::NoCard { vendor: None }),
                left_out("c", Variant::Vulkan, Unsuitable::NoCard { vendor: None }),
                left_out("d", Variant::Cpu, Unsuitable::OtherPlatform),
            ],
        );
        assert_eq!((checks.len(), checks[0].state, checks[1].state), (2, State::Note, State::Ok));
        assert!(checks[0].found.contains("525.60.13 or newer"), "{}", checks[0].found);
        assert_eq!(checks[1].found, "llama: left out are vulkan (there is no graphics card)");
        assert_eq!(unsuitable(Program::Sd, &[]), []);
    }
}
