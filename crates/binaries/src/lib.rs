//! Builds of inference servers.

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
    library::{Library, Request, Tools, find_on_path},
    prove::{Fault, Proof, Prover, Worked, write_tiny_model},
    report::{Attempt, Available, Found, Installed, Listing, Removed, Stage, Verified},
    step::{Observer, Step},
    transport::{PipDownloads, Transport, TransportError, UrlDownloads, Wish},
};
