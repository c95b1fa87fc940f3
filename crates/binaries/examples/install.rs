//! Installs a build, shows each step, then asks for it again as each start of a server does.
//!
//! `cargo run --example install -- FOLDER [llama|sd] [PATH OF YOUR OWN]`

use std::{path::PathBuf, time::Instant};

use loadmaster_binaries::{Host, Library, Observer, Program, Request, Tools, glance};
use loadmaster_fetch::{Client, Options};
use loadmaster_supervise::Supervisor;
use loadmaster_sysprobe::{Probe, answer_if_asked};

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "an example shows what it does")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    answer_if_asked();
    let mut arguments = std::env::args_os().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("which folder?")?);
    let program = arguments.next().and_then(|name| Program::named(name.to_str()?)).unwrap_or(Program::Llama);
    let request = match arguments.next() {
        Some(path) => Request::own(program, path),
        None => Request::new(program),
    };

    let host = Host::of(&Probe::in_own_child()?.facts()?);
    let tools = Tools::new(Client::new(Options::default())?, Supervisor::new(None));
    let library = Library::open(&folder, tools)?;
    let observer = Observer::new(|step| {
        println!("{}", serde_json::to_string(step).unwrap_or_default());
    });
    let installed = library.install(&request, &host, &observer).await?;
    println!("{}", serde_json::to_string_pretty(&installed)?);

    let before = Instant::now();
    let found = library.find(program, &host, &observer).await?;
    println!("found again in {:?}, remembered: {}", before.elapsed(), found.remembered);

    let before = Instant::now();
    let glanced = glance(&folder, program);
    println!("seen at a glance in {:?}: {}", before.elapsed(), glanced.is_some());

    let before = Instant::now();
    let verified = library.verify(program, None, false, &host, &observer).await?;
    println!("read all of it in {:?}: {}", before.elapsed(), serde_json::to_string(&verified)?);
    Ok(())
}
