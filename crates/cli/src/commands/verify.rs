//! `loadmaster verify`

use std::process::ExitCode;

use loadmaster_core::Bytes;
use loadmaster_models::{FileCheck, Outcome, VerifyReport};
use serde_json::json;

use crate::{
    Failed,
    args::VerifyArgs,
    config::Config,
    library::{self, progress::Shown},
    printed::print,
};

pub(crate) async fn execute(args: VerifyArgs, config: &Config) -> Result<ExitCode, Failed> {
    let library = library::open(config)?;
    // The report alone goes to who has no terminal.
    let shown = Shown::begin(true);
    let job = shown.job.clone();
    let names = args.models;
    let work = library::blocking(move || {
        let models = if names.is_empty() {
            library.list()?.models.into_iter().map(|listed| listed.manifest).collect()
        } else {
            names.iter().map(|name| library.get(name)).collect::<Result<Vec<_>, _>>()?
        };
        library.verify(&models, &job)
    });
    let report = library::interruptible(&shown.job, work).await;
    shown.end();
    let Some(report) = report? else { return Ok(library::interrupted("not everything was checked")) };
    if args.json {
        let mut json = json!(report);
        json["intact"] = report.is_intact().into();
        print(&format!("{json:#}\n"))?;
    } else {
        print(&told(&report))?;
    }
    if report.is_intact() {
        return Ok(ExitCode::SUCCESS);
    }
    let damaged = report.files.iter().filter(|file| !is_good(file)).count();
    Err(Failed::because(format!("{damaged} of {} files are not what they were", report.files.len()))
        .remedy("Remove these models with `loadmaster rm`, and get them again."))
}

fn is_good(file: &FileCheck) -> bool {
    matches!(file.outcome, Outcome::Intact | Outcome::NoHash)
}

fn told(report: &VerifyReport) -> String {
    let line = |file: &FileCheck| format!("{}: {}\n", file.path.display(), outcome(&file.outcome));
    let lines: String = report.files.iter().map(line).collect();
    let seconds = report.milliseconds / 1000;
    let tenths = report.milliseconds % 1000 / 100;
    format!("{lines}{} files, {} hashed in {seconds}.{tenths} s\n", report.files.len(), Bytes(report.bytes))
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Intact => "intact".to_owned(),
        Outcome::NoHash => "there, with the length it had; its hash is not known".to_owned(),
        Outcome::Missing => "missing".to_owned(),
        Outcome::WrongSize { expected, actual } => format!("has {actual} bytes instead of {expected}"),
        Outcome::WrongHash { expected, actual } => format!("has the SHA-256 {actual} instead of {expected}"),
        Outcome::Unreadable { cause } => format!("cannot be read: {cause}"),
        other => format!("{other:?}"),
    }
}
