//! Everything that can go wrong, each with what to do about it.

use std::{io, path::PathBuf};

use crate::{catalog::Program, choose::LeftOut, report::Attempt};

/// Why the library of builds could not do what was asked. `Display` is the cause on one line,
/// [`BinariesError::remedy`] what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BinariesError {
    /// A catalog is not one.
    #[error("{name}, line {line}: {cause}")]
    Catalog {
        /// Where the catalog is from.
        name: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        cause: String,
    },
    /// A file or folder of the library cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A record of the library was changed by somebody else.
    #[error("{} is damaged: {cause}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// There is no such build in the catalog.
    #[error("there is no build `{id}` of {program} in the catalog")]
    UnknownBuild {
        /// What it was to be a build of.
        program: Program,
        /// The id asked for.
        id: String,
    },
    /// This build, or any, is not installed.
    #[error("{} of {program} is installed", id.as_ref().map_or_else(|| "no build".to_owned(), |id| format!("no build `{id}`")))]
    NotInstalled {
        /// What it was to be a build of.
        program: Program,
        /// The id asked for.
        id: Option<String>,
    },
    /// The catalog has nothing for this machine.
    #[error("no build of {program} in the catalog suits this machine and what was asked for")]
    NothingSuitable {
        /// What was wanted.
        program: Program,
        /// Why each was left out.
        left_out: Vec<LeftOut>,
    },
    /// All that was tried failed.
    #[error("no build of {program} works here: {}", list(attempts))]
    NoneWorks {
        /// What was wanted.
        program: Program,
        /// What was tried, and why it failed.
        attempts: Vec<Attempt>,
    },
    /// There is no build to go back to.
    #[error("there is no earlier build of {program} to go back to")]
    NothingBefore {
        /// What it was to be a build of.
        program: Program,
    },
    /// The build is pinned.
    #[error("the build `{id}` of {program} is pinned")]
    Pinned {
        /// What it is a build of.
        program: Program,
        /// The build.
        id: String,
    },
    /// A task of ours was ended from outside, as when the program ends.
    #[error("the work was broken off")]
    BrokenOff,
}

impl BinariesError {
    /// What the user can do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::Catalog { .. } => "Correct the catalog.".to_owned(),
            Self::Folder { .. } => "Check that the folder is yours, and that its disk has room.".to_owned(),
            Self::Damaged { path, .. } => {
                format!("Remove {} and install the build again.", path.display())
            }
            Self::UnknownBuild { .. } => "List the builds to see which there are.".to_owned(),
            Self::NotInstalled { program, .. } => format!("Install one: `binaries install {program}`."),
            Self::NothingSuitable { .. } => {
                "Add a build to your catalog, or name a program of your own.".to_owned()
            }
            Self::NoneWorks { attempts, .. } => {
                let last = attempts.iter().rev().find_map(|attempt| attempt.remedy.clone());
                last.unwrap_or_else(|| "Name a program of your own that works.".to_owned())
            }
            Self::NothingBefore { .. } => "Install the build that you want.".to_owned(),
            Self::Pinned { .. } => "Unpin it first.".to_owned(),
            Self::BrokenOff => "Try again.".to_owned(),
        }
    }
}

fn list(attempts: &[Attempt]) -> String {
    let each =
        attempts.iter().map(|attempt| format!("{} ({}): {}", attempt.build, attempt.variant, attempt.cause));
    each.collect::<Vec<_>>().join("; ")
}

/// Says which file or folder an error of the system is about.
pub(crate) trait At<T> {
    /// Adds the path.
    fn at(self, path: &std::path::Path) -> Result<T, BinariesError>;
}

impl<T> At<T> for Result<T, io::Error> {
    fn at(self, path: &std::path::Path) -> Result<T, BinariesError> {
        self.map_err(|source| BinariesError::Folder { path: path.to_owned(), source })
    }
}
