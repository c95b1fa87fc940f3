//! The builds of servers that are installed, and the one to start.

mod shown;

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
};

use loadmaster_binaries::{
    BinariesError, Catalog, Found, Host, Library, Observer, PipDownloads, Program, Request, Tools,
    find_on_path, glance,
};
use loadmaster_core::FoundPrograms;
use loadmaster_supervise::{Journal, Supervisor};
use loadmaster_sysprobe::{Facts, Probe};

pub(crate) use self::shown::{Shown, failed};
use crate::{
    Failed,
    config::{Config, Install},
    source::client,
};

/// What the official releases' addresses begin with, in whose place a mirror is put.
const OFFICIAL: &str = "https://github.com/";

/// The option of a backend that names the server it starts.
const SERVER: &str = "server";

/// The option of the backend of [`Program::Sd`] that names the program which makes one image and ends.
const CLI: &str = "cli";

/// What that program is called; older releases say `sd`.
const CLI_NAMES: [&str; 2] = ["sd-cli", "sd"];

/// Opens the library of builds, and ends what an installation that was killed has left.
pub(crate) fn library(config: &Config) -> Result<Library, Failed> {
    if let Err(error) = journal(config)?.reap_orphans() {
        tracing::warn!(%error, "orphans of an earlier installation could not be looked for");
    }
    look(config)
}

/// Opens the library of builds, and ends nothing. Fails as well if the user's catalog cannot be read.
pub(crate) fn look(config: &Config) -> Result<Library, Failed> {
    let supervisor = Supervisor::new(Some(journal(config)?));
    let tools = Tools {
        catalog: catalog(config)?,
        pip: PipDownloads::new(config.builds.python.clone(), supervisor.clone(), Vec::new()),
        ..Tools::new(client(&config.network)?, supervisor)
    };
    Ok(Library::open(&config.folders.builds, tools)?)
}

fn journal(config: &Config) -> Result<Journal, Failed> {
    Journal::open(&config.folders.state.join("children").join("builds")).map_err(|error| {
        Failed::because(error.to_string())
            .remedy("Make the folder yours, or name another place with LOADMASTER_HOME.")
    })
}

/// The builds there are: ours, the user's, and where they are fetched from.
pub(crate) fn catalog(config: &Config) -> Result<Catalog, Failed> {
    let mut catalog = Catalog::embedded();
    if let Some(path) = &config.builds.catalog {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failed::not_found(format!("The catalog {} cannot be read: {error}", path.display()))
                .remedy("Correct --catalog, LOADMASTER_CATALOG or [binaries] of the configuration.")
        })?;
        catalog = catalog.extended(&text, &path.display().to_string())?;
    }
    Ok(match &config.builds.mirror {
        Some(mirror) => catalog.mirrored(OFFICIAL, &format!("{}/", mirror.trim_end_matches('/'))),
        None => catalog,
    })
}

/// What this machine has, which takes a tenth of a second to find out.
pub(crate) async fn facts() -> Result<Facts, Failed> {
    let failed = |cause: String| {
        Failed::because(format!("The machine could not be probed: {cause}"))
            .remedy("Check that this program may read /proc and /sys.")
    };
    let probing = tokio::task::spawn_blocking(|| Probe::in_own_child()?.facts());
    let facts = probing.await.map_err(|error| failed(error.to_string()))?;
    facts.map_err(|error| failed(error.to_string()))
}

/// This machine, as far as builds care.
pub(crate) async fn host() -> Result<Host, Failed> {
    Ok(Host::of(&facts().await?))
}

/// The server of language models that the configuration names.
pub(crate) fn named(config: &Config) -> Option<&Path> {
    server(config, Program::Llama)
}

/// The program of `program`'s backend that the configuration names. Backends are called as their programs are.
fn server(config: &Config, program: Program) -> Option<&Path> {
    let options = config.backends.get(program.name())?;
    options.get(SERVER).or(options.get(CLI))?.as_str().map(Path::new)
}

/// The programs of the builds that are installed, for backends for which the configuration names none. A few looks at
/// files, and nothing is started.
pub(crate) fn programs(config: &Config) -> FoundPrograms {
    let mut programs = FoundPrograms::new();
    for program in Program::ALL.into_iter().filter(|program| server(config, *program).is_none()) {
        let Some(Found { program: executable, .. }) = glance(&config.folders.builds, program) else {
            continue;
        };
        let found = match program {
            Program::Llama => vec![(SERVER, executable)],
            Program::Sd => programs_of_sd(&executable),
        };
        let named = |(option, path): (&str, PathBuf)| ((program.name().to_owned(), option.to_owned()), path);
        programs.extend(found.into_iter().map(named));
    }
    programs
}

/// The two programs of the build of stable-diffusion.cpp that `executable` is one of. Builds have one or both.
fn programs_of_sd(executable: &Path) -> Vec<(&'static str, PathBuf)> {
    let beside = |name: &str| executable.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let found = |name: &&str| beside(name).is_file();
    let server = Some("sd-server").filter(found).map(|name| (SERVER, beside(name)));
    let cli = CLI_NAMES.into_iter().find(found).map(|name| (CLI, beside(name)));
    server.into_iter().chain(cli).collect()
}

/// Whether a program of that kind is named, or installed and as it was when it was last tried. A few looks at
/// files.
pub(crate) fn is_there(config: &Config, program: Program) -> bool {
    server(config, program).is_some() || glance(&config.folders.builds, program).is_some()
}

/// Sees that `program` is there before it is needed: tries the installed build again if something about it has
/// changed, and else, on a terminal, installs one.
pub(crate) async fn ready(config: &Config, program: Program, may_install: bool) -> Result<(), Failed> {
    if is_there(config, program) {
        return Ok(());
    }
    if config.folders.builds.join(program.name()).join("state.json").is_file() {
        match again(config, program).await {
            Ok(()) => return Ok(()),
            Err(failed) => {
                let (cause, remedy) = failed.told();
                tracing::warn!("{cause} {remedy}");
            }
        }
    }
    let on_path = config.search_path.as_ref().and_then(|path| find_on_path(program, path));
    if on_path.is_some() || !may_install {
        return Ok(());
    }
    if config.builds.install == Install::Auto && std::io::stderr().is_terminal() {
        eprintln!(
            "there is no {} here: installing one (`[binaries] install = \"never\"` forbids it)",
            match program {
                Program::Llama => "llama-server",
                Program::Sd => "stable-diffusion.cpp",
            }
        );
        let library = library(config)?;
        install(&library, &Request::new(program), &host().await?).await?;
    }
    Ok(())
}

/// Tries what is installed on the machine as it is now.
async fn again(config: &Config, program: Program) -> Result<(), Failed> {
    let library = library(config)?;
    match library.find(program, &host().await?, &Observer::none()).await {
        Ok(found) => {
            tracing::info!(
                build = found.build,
                remembered = found.remembered,
                "the server was looked at again"
            );
            Ok(())
        }
        Err(BinariesError::NotInstalled { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Installs, and shows on stderr what is done and why what failed did.
pub(crate) async fn install(library: &Library, request: &Request, host: &Host) -> Result<Found, Failed> {
    let shown = Shown::new();
    let installed = library.install(request, host, &shown.observer()).await;
    shown.end();
    match installed {
        // Each reason was shown.
        Err(BinariesError::NoneWorks { program, attempts }) => {
            let cause = format!("No build of {program} works here: {} were tried", attempts.len());
            let failed = BinariesError::NoneWorks { program, attempts };
            Err(Failed::because(cause).remedy(failed.remedy()))
        }
        installed => Ok(installed?),
    }
}
