//! `loadmaster serve`

use std::{process::ExitCode, time::Duration};

use tokio::{net::TcpListener, sync::watch};

use super::interrupts::Interrupts;
use crate::{Failed, args::ServeArgs, config::Config, engine, failed::INTERRUPTED};

/// How long the last bytes of answers may take to their clients. Clients that say nothing, or do not read,
/// would hold up the end for ever.
const LAST_BYTES: Duration = Duration::from_secs(2);

pub(crate) async fn execute(args: ServeArgs, config: &Config) -> Result<ExitCode, Failed> {
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
    let orchestrator = engine::start(config)?;
    for file in &args.models {
        let model = engine::add(&orchestrator, file, args.load.settings(), &config.models).await?;
        // A mistake is told now, and not to the first client.
        orchestrator.check(&model).await?;
    }
    // Heard before anybody knows that there is somebody to interrupt.
    let mut interrupts = Interrupts::listen()?;
    println!("listening on http://{address}");

    let (stop, mut stopped) = watch::channel(false);
    let router = loadmaster_gateway::router(orchestrator.clone());
    let served = tokio::spawn(loadmaster_gateway::serve(listener, router, async move {
        // The sender lives as long as this function.
        let _ = stopped.wait_for(|stop| *stop).await;
    }));
    interrupts.next().await;
    eprintln!("finishing what is being answered; interrupt again to stop at once");
    let finish = async {
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
