//! `loadmaster stop`

use std::process::ExitCode;

use reqwest::Method;

use crate::{Failed, args::StopArgs, config::Config, daemon};

pub(crate) async fn execute(args: StopArgs, config: &Config) -> Result<ExitCode, Failed> {
    let path = format!("/api/v1/instances/{}", daemon::escaped(&args.model));
    daemon::ask(config, Method::DELETE, &path).await?;
    println!("stopped {}", args.model);
    Ok(ExitCode::SUCCESS)
}
