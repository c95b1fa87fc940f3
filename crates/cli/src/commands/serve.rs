//! `loadmaster serve`

use std::process::ExitCode;

use tokio::{net::TcpListener, sync::watch};

use crate::{Failed, args::ServeArgs, config::Config, engine, failed::INTERRUPTED};

pub(crate) async fn execute(args: ServeArgs, config: &Config) -> Result<ExitCode, Failed> {
    let listener = TcpListener::bind(config.listen).await.map_err(|error| {
        Failed::because(format!("{} cannot be listened on: {error}", config.listen)).remedy(
            "If Loadmaster serves there already, `loadmaster ps` shows it; else take another --listen.",
        )
    })?;
    let address = listener.local_addr().map_err(|error| Failed::because(error.to_string()))?;
    let orchestrator = engine::start(config)?;
    for file in &args.models {
        if !file.is_file() {
            return Err(
                Failed::not_found(format!("There is no file {}", file.display())).remedy("Check the path.")
            );
        }
        engine::add(&orchestrator, file, args.load.settings()).await?;
    }
    println!("listening on http://{address}");

    let (stop, mut stopped) = watch::channel(false);
    let router = loadmaster_gateway::router(orchestrator.clone());
    let served = tokio::spawn(loadmaster_gateway::serve(listener, router, async move {
        // The sender lives as long as this function.
        let _ = stopped.wait_for(|stop| *stop).await;
    }));
    interrupted().await?;
    eprintln!("finishing what is being answered; interrupt again to stop at once");
    let finish = async {
        // New connections are refused, requests that wait are turned away, answers may end.
        let _ = stop.send(true);
        orchestrator.close().await;
        served.await
    };
    tokio::select! {
        served = finish => match served {
            Ok(Ok(())) => Ok(ExitCode::SUCCESS),
            Ok(Err(error)) => Err(Failed::because(format!("The server failed: {error}"))),
            Err(error) => Err(Failed::because(format!("The server failed: {error}"))),
        },
        again = interrupted() => again.map(|()| ExitCode::from(INTERRUPTED)),
    }
}

/// Waits for Ctrl-C, or for what a service manager sends.
#[cfg(unix)]
async fn interrupted() -> Result<(), Failed> {
    use tokio::signal::unix::{SignalKind, signal};
    let unheard = |error| Failed::because(format!("Signals cannot be listened to: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(unheard)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(unheard)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Waits for Ctrl-C.
#[cfg(not(unix))]
async fn interrupted() -> Result<(), Failed> {
    tokio::signal::ctrl_c()
        .await
        .map_err(|error| Failed::because(format!("Ctrl-C cannot be listened to: {error}")))
}
