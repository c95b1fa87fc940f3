//! The servers: which one is used, whether it works, and why others were rejected.

use std::path::Path;

use loadmaster_binaries::{
    BinariesError, Host, Installed, Library, Listing, Observer, Program, find_on_path,
};
use loadmaster_sysprobe::Facts;

use super::Check;
use crate::{Failed, builds, config::Config};

/// What the row of the server is called.
const SERVER: &str = "llama-server";

pub(super) async fn checks(config: &Config, facts: &Facts) -> Vec<Check> {
    if !config.folders.builds.is_dir() && config.builds.catalog.is_none() {
        // Nothing was ever installed: to look makes no folders.
        return vec![elsewhere(config)];
    }
    let library = match builds::look(config) {
        Ok(library) => library,
        Err(failed) => return vec![Check::failed("builds", &failed), elsewhere(config)],
    };
    let host = Host::of(facts);
    let mut checks = vec![server(config, &library, &host).await];
    for program in Program::ALL {
        match library.list(program, &host) {
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

fn damaged(installed: &Installed) -> Option<Check> {
    let damage = installed.damage.as_ref()?;
    let again = format!(
        "`loadmaster binaries install --build {0} --force` fetches it again, `loadmaster binaries remove {0}` removes it.",
        installed.build
    );
    Some(Check::problem("builds", format!("{}: {damage}", installed.build), again))
}
