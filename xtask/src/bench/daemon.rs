//! The daemon when idle: how soon it answers and what it takes, beside `llama-server`'s own router.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::median::median;
use super::serve::Serve;
use super::server::{Memory, Server};
use super::{machine, page};
use crate::fixtures::Store;
use crate::{command, workspace};

/// After this time nothing of the start is going on any more.
const IDLE: Duration = Duration::from_secs(2);

/// One start of one server.
struct Sample {
    answered: Duration,
    memory: Memory,
}

/// The medians of one server.
#[derive(Debug, PartialEq)]
struct Medians {
    answered_ms: f64,
    resident_mib: f64,
    proportional_mib: f64,
}

/// Measures both in turn, so that what else the machine does hits both, and writes the page.
pub(super) fn run(date: &str, repetitions: u32) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "this benchmark reads /proc: it runs on Linux only");
    let store = Store::open()?;
    let (llama_server, smollm2) = (store.llama_server()?, store.smollm2()?);
    let release = workspace::build_release()?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for repetition in 1..=repetitions {
        ours.push(daemon(&release, &llama_server, &smollm2).context("loadmaster serve")?);
        theirs.push(router(&llama_server, &smollm2).context("llama-server as a router")?);
        eprintln!("{repetition} of {repetitions}");
    }
    let section = section(date, repetitions, &machine::describe()?, &medians(&ours)?, &medians(&theirs)?);
    println!("{section}");
    page::write("daemon", &section)
}

fn daemon(loadmaster: &Path, llama_server: &Path, model: &Path) -> Result<Sample> {
    let mut serve = Serve::start(loadmaster, |serve, _| {
        serve.arg("--model").arg(model).arg("--llama-server").arg(llama_server);
        Ok(())
    })?;
    sample(&mut serve.server, serve.address, "/healthz")
}

fn router(llama_server: &Path, model: &Path) -> Result<Sample> {
    let models = model.parent().context("the model lies in no folder")?;
    let port = TcpListener::bind(("127.0.0.1", 0))
        .and_then(|free| free.local_addr())
        .context("no free port")?
        .port();
    let mut router = command::new(llama_server);
    router.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--models-dir"]).arg(models);
    router.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    sample(&mut Server::start(&mut router)?, ([127, 0, 0, 1], port).into(), "/health")
}

fn sample(server: &mut Server, address: SocketAddr, path: &str) -> Result<Sample> {
    let answered = server.wait_until_it_answers(address, path)?;
    thread::sleep(IDLE);
    Ok(Sample { answered, memory: server.memory()? })
}

fn medians(samples: &[Sample]) -> Result<Medians> {
    let of = |value: &dyn Fn(&Sample) -> f64| median(samples.iter().map(value).collect());
    #[expect(clippy::cast_precision_loss, reason = "KiB of one process are far below 2^52")]
    let mib = |kib: u64| kib as f64 / 1024.0;
    let figures = || {
        Some(Medians {
            answered_ms: of(&|sample| sample.answered.as_secs_f64() * 1000.0)?,
            resident_mib: of(&|sample| mib(sample.memory.resident))?,
            proportional_mib: of(&|sample| mib(sample.memory.proportional))?,
        })
    };
    figures().context("nothing was measured")
}

fn section(date: &str, repetitions: u32, machine: &str, ours: &Medians, theirs: &Medians) -> String {
    let rows = [
        ("start to the first answer", "ms", ours.answered_ms, theirs.answered_ms),
        ("resident memory (RSS)", "MiB", ours.resident_mib, theirs.resident_mib),
        ("proportional memory (PSS)", "MiB", ours.proportional_mib, theirs.proportional_mib),
    ];
    let mut text = format!(
        "## The daemon when idle\n\n\
         `cargo xtask bench daemon --date {date} --repetitions {repetitions}`, on {machine}. The release build, beside the router of the pinned \
         llama-server (`--models-dir`), in turn in one run; medians of {repetitions} starts. No model is in memory; \
         neither has a child process; memory is that {} s after its first answer.\n\n\
         | | loadmaster | llama-server router | router / loadmaster |\n|---|---|---|---|\n",
        IDLE.as_secs(),
    );
    for (what, unit, ours, theirs) in rows {
        writeln!(text, "| {what} | {ours:.1} {unit} | {theirs:.1} {unit} | {:.1} |", theirs / ours)
            .expect("writing to a String cannot fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_has_the_figures_and_their_ratio() {
        let of = |answered_ms, resident_mib| Medians { answered_ms, resident_mib, proportional_mib: 1.0 };
        let text = section("2026-01-02", 10, "a machine", &of(5.0, 10.0), &of(20.0, 75.0));
        assert!(text.contains("| start to the first answer | 5.0 ms | 20.0 ms | 4.0 |"), "{text}");
        assert!(text.contains("| resident memory (RSS) | 10.0 MiB | 75.0 MiB | 7.5 |"), "{text}");
        assert!(text.contains("--date 2026-01-02 --repetitions 10`, on a machine"), "{text}");
    }
}
