//! `cargo xtask bench header`: reading headers from disk and from a server, beside the readers of npm and PyPI.

mod readers;
mod remote;
mod section;
mod server;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::median::median;
use super::{machine, page};
use crate::fixtures::Store;
use readers::{Counts, Ours, Readers, Runs, Theirs};
use section::{Facts, Transfer};
use server::{RangeServer, Sent};

/// What follows a vocabulary on the server, in bytes: without it nothing behind the header could be read.
const WEIGHTS: usize = 32 << 20;

/// The medians of one file, in milliseconds, by reader.
#[derive(Default)]
struct Samples {
    facts: Vec<f64>,
    all: Vec<f64>,
    npm: Vec<f64>,
    pypi: Vec<f64>,
}

/// Measures all readers in turn, so that what else the machine does hits all, checks that they agree, and writes
/// the page.
pub(super) fn run(date: &str, rounds: u32) -> Result<()> {
    let store = Store::open()?;
    let mut files = store.vocabularies()?;
    let largest = files.last().context("there are no vocabulary files")?.clone();
    let smollm2 = store.smollm2()?;
    files.push(smollm2.clone());
    let readers = Readers::prepare(&store)?;
    let measured = [smollm2, largest];
    let mut samples = [Samples::default(), Samples::default()];
    for round in 1..=rounds {
        measure(&readers, &measured, &mut samples)?;
        eprintln!("{round} of {rounds}");
    }
    eprintln!("comparing what the readers say of {} files", files.len());
    let headers = agree(&readers, &files)?;
    let transfers = transfers(&readers, &files, &headers)?;
    let speeds = measured.iter().zip(samples).map(|(path, samples)| {
        let header = files.iter().position(|file| file == path).and_then(|index| headers.get(index));
        speed(path, header.context("it was not compared")?, samples)
    });
    let facts = Facts {
        date,
        rounds,
        machine: &machine::describe()?,
        files: files.len(),
        speeds: speeds.collect::<Result<_>>()?,
        shown: &measured.each_ref().map(|path| name(path)),
        transfers: &transfers,
    };
    let section = section::section(&facts);
    println!("{section}");
    page::write("header", &section)
}

/// One round.
fn measure(readers: &Readers, files: &[PathBuf; 2], samples: &mut [Samples; 2]) -> Result<()> {
    let (ours, npm, pypi) =
        (readers.ours(files, Runs::Many)?, readers.node(files, Runs::Many)?, readers.python(files)?);
    for (((samples, ours), npm), pypi) in samples.iter_mut().zip(ours).zip(npm).zip(pypi) {
        samples.facts.push(ours.facts_ms);
        samples.all.push(ours.all_ms);
        samples.npm.push(npm.median_ms);
        samples.pypi.push(pypi.median_ms);
    }
    Ok(())
}

fn speed(path: &Path, header: &Ours, samples: Samples) -> Result<section::Speed> {
    let Samples { facts, all, npm, pypi } = samples;
    let medians = || Some((median(facts)?, median(all)?, median(npm)?, median(pypi)?));
    let (facts_ms, all_ms, npm_ms, pypi_ms) = medians().context("nothing was measured")?;
    let Ours { header_bytes, counts, .. } = *header;
    Ok(section::Speed { file: name(path), header_bytes, counts, facts_ms, all_ms, npm_ms, pypi_ms })
}

/// What we say of the files, after checking that the others say the same.
fn agree(readers: &Readers, files: &[PathBuf]) -> Result<Vec<Ours>> {
    let ours = readers.ours(files, Runs::One)?;
    let check = |reader: &str, theirs: Vec<Theirs>| -> Result<()> {
        for ((file, ours), theirs) in files.iter().zip(&ours).zip(theirs) {
            let (file, ours, theirs): (_, Counts, Counts) = (file.display(), ours.counts, theirs.counts);
            ensure!(ours == theirs, "{file}: loadmaster says {ours:?}, {reader} says {theirs:?}");
        }
        Ok(())
    };
    check("@huggingface/gguf", readers.node(files, Runs::One)?)?;
    check("PyPI's gguf", readers.python(files)?)?;
    Ok(ours)
}

/// What is transferred for the header of each file.
fn transfers(readers: &Readers, files: &[PathBuf], headers: &[Ours]) -> Result<Vec<Transfer>> {
    let mut transfers = Vec::new();
    for (path, header) in files.iter().zip(headers) {
        let server = RangeServer::start(path, if header.counts.tensors == 0 { WEIGHTS } else { 0 })?;
        let read = remote::header(server.address()).with_context(|| path.display().to_string())?;
        let ours: Sent = server.take_sent();
        ensure!(read.header_bytes() == header.header_bytes, "{} differs when it is remote", path.display());
        let counts = readers.node_remote(&format!("http://{}/file.gguf", server.address()))?;
        ensure!(counts == header.counts, "{} differs when it is remote", path.display());
        let npm = server.take_sent();
        transfers.push(Transfer { file: name(path), header_bytes: header.header_bytes, ours, npm });
    }
    Ok(transfers)
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
