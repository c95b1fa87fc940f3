//! How long the check takes that each start of a server makes: proves a program, then asks for it again and again,
//! and prints each time in milliseconds, as JSON.
//!
//! `cargo run --release --example check -- FOLDER PATH_OF_LLAMA_SERVER ROUNDS`

use std::{path::PathBuf, time::Instant};

use loadmaster_binaries::{Host, Library, Observer, Program, Request, Tools, glance};
use loadmaster_fetch::{Client, Options};
use loadmaster_supervise::Supervisor;
use loadmaster_sysprobe::{Probe, answer_if_asked};

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "an example shows what it does")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    answer_if_asked();
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("which folder?")?);
    let server = arguments.next().ok_or("which llama-server?")?;
    let rounds: u32 = arguments.next().ok_or("how often?")?.parse()?;

    let nobody = Observer::none();
    let host = Host::of(&Probe::in_own_child()?.facts()?);
    let tools = Tools::new(Client::new(Options::default())?, Supervisor::new(None));
    let library = Library::open(&folder, tools)?;
    library.install(&Request::own(Program::Llama, server), &host, &nobody).await?;

    let (mut glances, mut finds, mut reads) = (Vec::new(), Vec::new(), Vec::new());
    let milliseconds = |since: Instant| since.elapsed().as_secs_f64() * 1e3;
    for _ in 0..rounds {
        let start = Instant::now();
        glance(&folder, Program::Llama).ok_or("the build is not seen any more")?;
        glances.push(milliseconds(start));
        let start = Instant::now();
        if !library.find(Program::Llama, &host, &nobody).await?.remembered {
            return Err("the build was tried again".into());
        }
        finds.push(milliseconds(start));
        let start = Instant::now();
        library.verify(Program::Llama, None, false, &host, &nobody).await?;
        reads.push(milliseconds(start));
    }
    println!("{}", serde_json::json!({ "glance": glances, "find": finds, "read": reads }));
    Ok(())
}
