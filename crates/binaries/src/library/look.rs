//! What is installed, and what could be.

use super::{Library, files::Files};
use crate::{
    catalog::{Program, Source, SourceKind},
    choose::{Wanted, choose},
    error::BinariesError,
    host::Host,
    remembered::Record,
    report::{Available, Installed, Listing},
};

impl Library {
    /// The program that an installed build is of; `None` if there is no such build.
    ///
    /// # Errors
    /// What the library's folder has against it.
    pub fn program_of(&self, build: &str) -> Result<Option<Program>, BinariesError> {
        for program in Program::ALL {
            if self.files(program).all()?.contains_key(build) {
                return Ok(Some(program));
            }
        }
        Ok(None)
    }

    /// All that is known of the builds of a program. Nothing is started or read in full.
    ///
    /// # Errors
    /// What the library's folder has against it. A damaged record is part of the listing.
    pub fn list(&self, program: Program, host: &Host) -> Result<Listing, BinariesError> {
        let files = self.files(program);
        let state = files.state()?;
        let choice = choose(&self.tools.catalog, host, &Wanted::new(program));
        let installed = files.all()?.into_iter().map(|(id, record)| match record {
            Ok(record) => describe(&files, &record),
            Err(error) => unreadable(&files, id, &error),
        });
        let available = choice.candidates.into_iter().map(|candidate| Available {
            build: candidate.build.id,
            version: candidate.build.version,
            variant: candidate.variant,
            source: candidate.build.from.kind(),
        });
        Ok(Listing {
            program,
            installed: installed.collect(),
            current: state.current.map(|current| current.build),
            pinned: state.pinned,
            attempts: state.attempts,
            available: available.collect(),
            left_out: choice.left_out,
        })
    }
}

fn describe(files: &Files, record: &Record) -> Installed {
    let untouched = record.is_untouched(&files.root(record));
    let damage = match record.build.from {
        _ if untouched => None,
        Source::Path(_) => Some("it has changed since it was tried, and will be tried again".to_owned()),
        _ => Some("its files have changed; verify it".to_owned()),
    };
    Installed {
        build: record.build.id.clone(),
        version: record.build.version.clone(),
        source: record.build.from.kind(),
        program: files.executable(record),
        proofs: record.proofs.iter().map(|held| held.proof.clone()).collect(),
        bytes: record.bytes(),
        damage,
    }
}

fn unreadable(files: &Files, id: String, error: &BinariesError) -> Installed {
    Installed {
        program: files.build(&id),
        build: id,
        version: String::new(),
        source: SourceKind::Archive,
        proofs: Vec::new(),
        bytes: 0,
        damage: Some(error.to_string()),
    }
}
