//! The `loadmaster` command.
#![warn(unused_crate_dependencies)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command prints")]

mod args;
mod backends;
mod builds;
mod commands;
mod config;
mod daemon;
mod engine;
mod failed;
mod folders;
mod kinds;
mod library;
mod load_flags;
mod offered;
mod printed;
mod source;
mod table;
mod usage;

use std::process::ExitCode;

use clap::Parser;
use loadmaster_control::DaemonLog;
use tracing_subscriber::{Layer, layer::SubscriberExt, util::SubscriberInitExt};

use self::{
    args::{Args, Command},
    config::Config,
    failed::Failed,
};

fn main() -> ExitCode {
    // This program, started again to ask graphics drivers, is that child and nothing else.
    loadmaster_sysprobe::answer_if_asked();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return usage::report(&error),
    };
    let outcome = match Config::load(&args.global, &args.command) {
        Ok(config) => {
            let kept = matches!(args.command, Command::Serve(_)).then(DaemonLog::default);
            log_to_stderr(args.global.verbose, config.log.as_deref(), kept.as_ref())
                .and_then(|()| execute(args.command, &config, &kept.unwrap_or_default()))
        }
        Err(failed) => without_configuration(args, failed),
    };
    match outcome {
        Ok(code) => code,
        Err(failed) => failed.report(),
    }
}

/// A wrong configuration ends every command but the one that looks for what is wrong.
fn without_configuration(args: Args, failed: Failed) -> Result<ExitCode, Failed> {
    let Ok(config) = Config::without_file(&args.global, &args.command) else { return Err(failed) };
    match args.command {
        Command::Doctor(doctor) => {
            on_runtime(commands::until_interrupted(commands::doctor::execute(doctor, &config, Some(failed))))
        }
        _ => Err(failed),
    }
}

fn execute(command: Command, config: &Config, log: &DaemonLog) -> Result<ExitCode, Failed> {
    match command {
        Command::Run(run) => on_runtime(commands::run::execute(run, config)),
        Command::Image(image) => on_runtime(commands::image::execute(image, config)),
        Command::Serve(serve) => on_runtime(commands::serve::execute(serve, config, log)),
        Command::Pull(pull) => on_runtime(commands::pull::execute(pull, config)),
        Command::Import(import) => on_runtime(commands::import::execute(import, config)),
        Command::List(list) => on_runtime(commands::list::execute(list, config)),
        Command::Show(show) => on_runtime(commands::show::execute(show, config)),
        Command::Verify(verify) => on_runtime(commands::verify::execute(verify, config)),
        Command::Rm(rm) => on_runtime(commands::rm::execute(rm, config)),
        Command::Gc(gc) => on_runtime(commands::gc::execute(gc, config)),
        Command::Ps(ps) => on_runtime(commands::ps::execute(ps, config)),
        Command::Top(top) => on_runtime(commands::top::execute(top, config)),
        Command::Start(start) => {
            on_runtime(commands::until_interrupted(commands::start::execute(start, config)))
        }
        Command::Plan(plan) => on_runtime(commands::plan::execute(plan, config)),
        Command::Stop(stop) => on_runtime(commands::stop::execute(stop, config)),
        Command::Reload(reload) => on_runtime(commands::reload::execute(reload, config)),
        Command::Logs(logs) => on_runtime(commands::until_interrupted(commands::logs::execute(logs, config))),
        Command::Events(events) => {
            on_runtime(commands::until_interrupted(commands::events::execute(events, config)))
        }
        Command::Panel(panel) => {
            on_runtime(commands::until_interrupted(commands::panel::execute(panel, config)))
        }
        Command::Settings(settings) => on_runtime(commands::settings::execute(settings, config)),
        Command::Budget(budget) => on_runtime(commands::budget::execute(budget, config)),
        Command::Hold(hold) => on_runtime(commands::hold::execute(hold, config)),
        Command::Binaries(binaries) => {
            on_runtime(commands::until_interrupted(commands::binaries::execute(binaries, config)))
        }
        Command::Doctor(doctor) => {
            on_runtime(commands::until_interrupted(commands::doctor::execute(doctor, config, None)))
        }
        Command::Probe(probe) => commands::probe::execute(&probe),
        Command::Estimate(estimate) => {
            on_runtime(commands::until_interrupted(commands::estimate::execute(estimate, config)))
        }
        Command::Inspect(inspect) => {
            on_runtime(commands::until_interrupted(commands::inspect::execute(&inspect, config)))
        }
        Command::Completions(completions) => commands::completions::execute(&completions),
    }
}

/// One thread passes bytes on, this one hears the user, and the servers do the work. With two, each request would
/// change threads several times, and wake the other one each time.
fn on_runtime(command: impl Future<Output = Result<ExitCode, Failed>>) -> Result<ExitCode, Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failed::because(format!("The asynchronous runtime could not start: {error}")))?;
    let outcome = runtime.block_on(async {
        let outcome = command.await;
        // What was called off is killed: its entry in the journal goes when it has gone.
        loadmaster_supervise::settled().await;
        outcome
    });
    // A thread may still read the terminal: it is not waited for.
    runtime.shutdown_background();
    outcome
}

/// Warnings by default; `-v` and `-vv` for more; `LOADMASTER_LOG` for what `tracing` can filter. What is `kept` for
/// whoever asks the API does not depend on that.
fn log_to_stderr(verbose: u8, filter: Option<&str>, kept: Option<&DaemonLog>) -> Result<(), Failed> {
    let level = match verbose {
        // A certificate that is refused is told as the command's failure.
        0 => "warn,rustls_platform_verifier=off",
        1 => "info",
        _ => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_new(filter.unwrap_or(level)).map_err(|error| {
        Failed::usage(format!("'{}' is no filter of the log: {error}", filter.unwrap_or(level)))
            .remedy("Write it like 'info' or 'info,loadmaster_orchestrator=debug'.")
    })?;
    let printed = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(filter);
    tracing_subscriber::registry().with(printed).with(kept.map(DaemonLog::layer)).init();
    Ok(())
}
