//! `loadmaster panel`: opens the control panel of the Loadmaster that serves.

use std::{net::SocketAddr, process::ExitCode};

use reqwest::Method;

use crate::{Failed, args::PanelArgs, config::Config, daemon, printed::print};

pub(crate) async fn execute(args: PanelArgs, config: &Config) -> Result<ExitCode, Failed> {
    // A page of a daemon that is not there would only say so.
    daemon::ask(config, Method::GET, "/healthz").await?;
    let link = link(config.listen, config)?;
    if args.print {
        print(&format!("{link}\n"))?;
    } else {
        open(&link)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the panel of whoever listens on `address` is, from this machine; with the token, where one is needed.
pub(crate) fn link(address: SocketAddr, config: &Config) -> Result<String, Failed> {
    let page = format!("http://{}/", daemon::reachable(address));
    match &config.token {
        Some(token) => Ok(format!("{page}?token={}", token.read()?)),
        None => Ok(page),
    }
}

/// Opens `link` in the user's browser.
pub(crate) fn open(link: &str) -> Result<(), Failed> {
    opener::open_browser(link).map_err(|error| {
        Failed::because(format!("No browser could be opened: {error}"))
            .remedy(format!("Open {link} yourself."))
    })
}
