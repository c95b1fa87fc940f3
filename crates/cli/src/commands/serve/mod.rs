//! `loadmaster serve`

mod control;
mod reload;
mod resume;
mod watch;

use std::{
    process::ExitCode,
    sync::{Arc, Mutex},
    time::Duration,
};

use loadmaster_binaries::Program;
use loadmaster_control::DaemonLog;
use loadmaster_core::Programs;
use loadmaster_gateway::JobsOptions;
use loadmaster_orchestrator::ThisMachine;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot, watch as latest},
};

use self::reload::Reloader;
use super::{hangups::Hangups, interrupts::Interrupts};
use crate::{
    Failed,
    args::ServeArgs,
    builds,
    config::Config,
    engine,
    failed::INTERRUPTED,
    library,
    load_flags::listed,
    offered::{self, Offered},
};

/// How long the last bytes of answers may take to their clients. Clients that say nothing, or do not read,
/// would hold up the end for ever.
const LAST_BYTES: Duration = Duration::from_secs(2);

pub(crate) async fn execute(args: ServeArgs, config: &Config, log: &DaemonLog) -> Result<ExitCode, Failed> {
    control::guard(config)?;
    let listener = TcpListener::bind(config.listen).await.map_err(|error| {
        Failed::because(format!("{} cannot be listened on: {error}", config.listen)).remedy(
            if error.kind() == std::io::ErrorKind::AddrInUse {
                "If Loadmaster serves there already, `loadmaster ps` shows it; else take another --listen."
            } else {
                "Name an address of this machine with --listen."
            },
        )
    })?;
    let address = listener.local_addr().map_err(|error| Failed::because(error.to_string()))?;
    for program in Program::ALL {
        builds::ready(config, program, false).await?;
    }
    let machine = Arc::new(ThisMachine::new());
    let programs = Programs::new(builds::programs(config));
    let orchestrator = engine::start_with(config, machine.clone(), programs.clone())?;
    let (files, flags) = (args.models, args.load.flags());
    let offered = reload::offered(&files, &flags, config).await?;
    // A mistake is told now, and not to the first client.
    let offered = reload::checked(&orchestrator, offered, &Offered::new()).await?;
    let unheard = offered::unheard(&flags, &files, &offered);
    if !unheard.is_empty() {
        tracing::warn!(
            "no model that is served heeds {}: flags are for the models of --model, and for those of the library \
             where nobody names any; models of the configuration have their own settings there",
            listed(&unheard),
        );
    }
    let holds = library::hold(offered.values(), config).await?;
    for offer in offered.values() {
        orchestrator.add_with(offer.request.clone(), offer.rules).await?;
    }
    let recorder = resume::begin(&orchestrator, config).await?;
    // Heard before anybody knows that there is somebody to interrupt.
    let (mut interrupts, hangups) = (Interrupts::listen()?, Hangups::listen()?);
    // At once: whoever reads the first line may read no other.
    let link = control::link(address, config)?.map_or_else(String::new, |link| format!("\nopen {link}"));
    println!("listening on http://{address}{link}");
    let panel = args.open.then(|| super::panel::link(address, config));

    let (stop, mut stopped) = latest::channel(false);
    let (reloads, calls) = mpsc::unbounded_channel();
    let current = Arc::new(Mutex::new(config.clone()));
    let let_go = control::LetGo::new(files.clone());
    let options = control::options(&orchestrator, machine, &reloads, log, &current, &let_go)?
        .with_jobs(JobsOptions::new(config.folders.state.join("jobs")))
        .with_reloads(reloads);
    let (begun, config) = (config.clone(), config.clone());
    let reloader = Reloader {
        orchestrator: orchestrator.clone(),
        programs,
        begun,
        config,
        current,
        let_go,
        offered,
        holds,
        files,
        flags,
    };
    let (gone, terminal_gone) = oneshot::channel();
    tokio::spawn(reloader.run(calls, hangups, gone));
    let router = loadmaster_gateway::router_with(orchestrator.clone(), options)
        .map_err(|error| Failed::because(error.to_string()))?;
    let served = tokio::spawn(loadmaster_gateway::serve(listener, router, async move {
        // The sender lives as long as this function.
        let _ = stopped.wait_for(|stop| *stop).await;
    }));
    if let Some(Err(failed)) = panel.map(|link| link.and_then(|link| super::panel::open(&link))) {
        // It serves all the same.
        failed.report();
    }
    tokio::select! {
        () = interrupts.next() => eprintln!("finishing what is being answered; interrupt again to stop at once"),
        // Nobody reads what is printed any more.
        Ok(()) = terminal_gone => {}
    }
    let finish = async {
        if let Some(recorder) = recorder {
            recorder.finish().await;
        }
        // New connections are refused, requests that wait are turned away, answers may end.
        let _ = stop.send(true);
        orchestrator.close().await;
        tokio::time::timeout(LAST_BYTES, served).await
    };
    tokio::select! {
        served = finish => match served {
            Ok(Ok(Ok(()))) | Err(_) => Ok(ExitCode::SUCCESS),
            Ok(Ok(Err(error))) => Err(Failed::because(format!("The server failed: {error}"))),
            Ok(Err(error)) => Err(Failed::because(format!("The server failed: {error}"))),
        },
        () = interrupts.next() => Ok(ExitCode::from(INTERRUPTED)),
    }
}
