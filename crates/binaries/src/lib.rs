//! Builds of inference servers: chosen for this machine, fetched, unpacked with suspicion, proven, remembered.
//!
//! A [`Catalog`] says which builds there are. [`choose`] says which are worth trying on a [`Host`], and why the
//! others are not. A [`Library`] is the folder they are installed in: [`Library::install`] tries the candidates in
//! order until one works, and [`Library::find`] says which program to start, in less than a millisecond when
//! nothing has changed.
//!
//! ```no_run
//! use loadmaster_binaries::{Host, Library, Observer, Program, Request, Tools};
//! use loadmaster_fetch::{Client, Options};
//! use loadmaster_supervise::Supervisor;
//! use loadmaster_sysprobe::Probe;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let host = Host::of(&Probe::in_own_child()?.facts()?);
//! let tools = Tools::new(Client::new(Options::default())?, Supervisor::new(None));
//! let library = Library::open("builds".as_ref(), tools)?;
//! let show = Observer::new(|step| println!("{step:?}"));
//! library.install(&Request::new(Program::Llama), &host, &show).await?;
//! let found = library.find(Program::Llama, &host, &show).await?;
//! println!("{} works on {}", found.program.display(), found.variant);
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//! - Nothing is run whose bytes are not those that the catalog pins, unless the user names it.
//! - Whatever an archive says, nothing is written outside of a fresh folder, and that is gone when anything about
//!   the archive is refused: see [`ArchiveFault`].
//! - A build is used only after it has worked here. One that replaces another takes its place by a rename, and the
//!   old one is kept until then; a process that is killed at any moment leaves a library that works.
//! - Processes that share a folder take turns; who only asks which build to use waits for nobody.
//! - A proof holds for the files it was made with, the system, and the drivers: when one of these changes, it is
//!   made again.
//!
//! # Limitations
//! - Of a build of stable-diffusion.cpp that has `sd-server` and no `sd-cli`, it is only seen that it starts
//!   ([`Proof::worked`] is false).
//! - Of several cards of one sort, the first is tried.
//! - The embedded catalog has no CUDA for Linux from stable-diffusion.cpp, whose makers build none. A catalog of
//!   the user may add what is missing.
//! - A wheel through pip begins anew when it was interrupted.

mod catalog;
mod choose;
mod error;
mod extract;
mod host;
mod library;
mod prove;
mod remembered;
mod report;
mod step;
mod transport;

pub use self::{
    catalog::{Arch, Archive, Build, Catalog, Extra, Needs, Os, Pip, Program, Source, SourceKind, Variant},
    choose::{Candidate, Choice, LeftOut, Unsuitable, Wanted, choose},
    error::BinariesError,
    extract::{ArchiveFault, Limits, NameFault, Unpacked, extract},
    host::Host,
    library::{Library, Request, Tools, find_on_path, glance},
    prove::{Fault, Proof, Prover, Worked, write_tiny_model, write_tiny_painter},
    report::{Attempt, Available, Found, Installed, Listing, Removed, Stage, Verified},
    step::{Observer, Step},
    transport::{PipDownloads, Transport, TransportError, UrlDownloads, Wish},
};
