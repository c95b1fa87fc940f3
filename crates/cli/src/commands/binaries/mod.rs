//! `loadmaster binaries`: builds of servers.

mod list;

use std::process::ExitCode;

use loadmaster_binaries::{Library, Observer, Program, Request, Verified, find_on_path};
use loadmaster_core::Bytes;
use serde_json::json;

use crate::{
    Failed,
    args::{BinariesArgs, BinariesCommand, InstallArgs, PruneArgs, SourceArg, VerifyBuildsArgs},
    builds,
    config::Config,
    printed::print,
};

pub(crate) async fn execute(args: BinariesArgs, config: &Config) -> Result<ExitCode, Failed> {
    let library = builds::library(config)?;
    let nobody = Observer::none();
    match args.command {
        BinariesCommand::List(list) => list::execute(&list, &library).await?,
        BinariesCommand::Install(install) => installed(install, &library, config).await?,
        BinariesCommand::Verify(verify) => return verified(&verify, &library).await,
        BinariesCommand::Prune(prune) => pruned(&prune, &library).await?,
        BinariesCommand::Remove(remove) => {
            let removed =
                library.remove(program_of(&library, &remove.build)?, &remove.build, &nobody).await?;
            print(&format!("removed {}: {} are free again\n", remove.build, Bytes(removed.bytes)))?;
        }
        BinariesCommand::Pin(pin) => {
            let program = program_of(&library, &pin.build)?;
            library.pin(program, &pin.build, &nobody).await?;
            print(&format!("{} is used from now on, whatever is installed\n", pin.build))?;
        }
        BinariesCommand::Unpin(of) => {
            library.unpin(of.program, &nobody).await?;
            print(&format!("what is installed next of {} is used\n", of.program))?;
        }
        BinariesCommand::Rollback(of) => {
            let build = library.roll_back(of.program, &nobody).await?;
            print(&format!("{build} is used again\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn installed(args: InstallArgs, library: &Library, config: &Config) -> Result<(), Failed> {
    let found = builds::install(library, &request(&args, config)?, &builds::host().await?).await?;
    if args.json {
        return print(&format!("{:#}\n", json!(found)));
    }
    print(&format!("{}\n", found.program.display()))
}

/// What is to be installed.
fn request(args: &InstallArgs, config: &Config) -> Result<Request, Failed> {
    let program = args.of.program;
    let mut request = Request { force: args.force, own: args.own.clone(), ..Request::new(program) };
    if let Some(path) = request.own.as_ref().filter(|path| !path.exists()) {
        return Err(
            Failed::not_found(format!("There is nothing at {}", path.display())).remedy("Correct --own.")
        );
    }
    if matches!(args.source, Some(SourceArg::Path)) && args.build.is_none() {
        let on_path = config.search_path.as_ref().and_then(|path| find_on_path(program, path));
        request.own = Some(on_path.ok_or_else(|| {
            Failed::not_found(format!("There is no {program} on PATH")).remedy("Name the program with --own.")
        })?);
    }
    request.wanted.build.clone_from(&args.build);
    request.wanted.variant = args.variant;
    request.wanted.source = args.source.map(Into::into);
    Ok(request)
}

/// The program of an installed build: of the one that is meant most, if there is no such build.
fn program_of(library: &Library, build: &str) -> Result<Program, Failed> {
    Ok(library.program_of(build)?.unwrap_or(Program::Llama))
}

async fn pruned(args: &PruneArgs, library: &Library) -> Result<(), Failed> {
    let programs = args.program.map_or_else(|| Program::ALL.to_vec(), |program| vec![program]);
    let (mut ids, mut bytes) = (Vec::new(), 0);
    for program in programs {
        let removed = library.prune(program, args.keep, &Observer::none()).await?;
        ids.extend(removed.builds);
        bytes += removed.bytes;
    }
    let what = if ids.is_empty() { "no build".to_owned() } else { ids.join(", ") };
    print(&format!("removed {what}: {} are free again\n", Bytes(bytes)))
}

/// Exit code 1 if anything is wrong with a build.
async fn verified(args: &VerifyBuildsArgs, library: &Library) -> Result<ExitCode, Failed> {
    let host = builds::host().await?;
    let programs = match &args.build {
        Some(build) => vec![program_of(library, build)?],
        None => Program::ALL.to_vec(),
    };
    let mut all: Vec<Verified> = Vec::new();
    let shown = builds::Shown::new();
    for program in programs {
        let build = args.build.as_deref();
        all.extend(library.verify(program, build, args.prove, &host, &shown.observer()).await?);
    }
    shown.end();
    if args.json {
        print(&format!("{:#}\n", json!(all)))?;
    } else if all.is_empty() {
        print("no build is installed\n")?;
    } else {
        print(&all.iter().map(told).collect::<String>())?;
    }
    let whole = all.iter().all(|one| one.damaged.is_empty() && one.fault.is_none());
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One line, and another one of what to do.
fn told(one: &Verified) -> String {
    let Verified { build, files, bytes, damaged, proof, fault } = one;
    let again = format!("  help: `loadmaster binaries install --build {build} --force` fetches it again.\n");
    if !damaged.is_empty() {
        return format!("{build}: damaged: {}\n{again}", damaged.join(", "));
    }
    if let Some(fault) = fault {
        let help = fault.remedy().map_or(again, |remedy| format!("  help: {remedy}\n"));
        return format!("{build}: it does not work any more: {fault}\n{help}");
    }
    let works = proof.as_ref().map_or_else(String::new, |proof| format!("; it works on {}", proof.variant));
    format!("{build}: {files} files, {}, as they were installed{works}\n", Bytes(*bytes))
}
