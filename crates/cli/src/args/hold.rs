//! Memory that models shall not have.

use std::ffi::OsString;

use clap::Args;
use loadmaster_core::Bytes;
use loadmaster_orchestrator::Budget;

use super::ListenArgs;

#[derive(Debug, Args)]
pub(crate) struct BudgetArgs {
    /// What may be taken of a device from now on: "host=12 GiB", "gpu0=80 %", "gpu0=none". Without any, all are
    /// shown
    #[arg(value_name = "DEVICE=AMOUNT", value_parser = change)]
    pub(crate) changes: Vec<(String, Option<Budget>)>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
}

#[derive(Debug, Args)]
pub(crate) struct HoldArgs {
    /// A device whose memory the program needs, as `loadmaster probe` names it; may be repeated, with --bytes
    /// each
    #[arg(long = "device", value_name = "ID", required = true)]
    pub(crate) devices: Vec<String>,
    /// How much of that device: "4 GiB"; may be repeated
    #[arg(long = "bytes", value_name = "AMOUNT", required = true)]
    pub(crate) bytes: Vec<Bytes>,
    /// What `loadmaster ps` calls it [default: the program's name]
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// Seconds to wait at most until models have made room [default: as long as a request waits]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) wait: Option<u64>,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    /// The program and its arguments, after --
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

fn change(text: &str) -> Result<(String, Option<Budget>), String> {
    match text.split_once('=') {
        Some((device, amount)) if amount.trim() == "none" => Ok((device.trim().to_owned(), None)),
        _ => super::servers::budget(text).map(|(device, budget)| (device, Some(budget))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_read() {
        assert_eq!(change("gpu0=80 %"), Ok(("gpu0".to_owned(), Some(Budget::Percent(80)))));
        assert_eq!(change("gpu0 = none"), Ok(("gpu0".to_owned(), None)));
        assert!(change("none").is_err() && change("gpu0=nothing").is_err());
    }
}
