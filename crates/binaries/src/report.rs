//! What is told of builds, fit for JSON.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    catalog::{Program, SourceKind, Variant},
    choose::LeftOut,
    prove::{Fault, Proof},
};

/// A build that was tried and did not do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The build's id.
    pub build: String,
    /// What it was to compute on.
    pub variant: Variant,
    /// How far it came.
    pub stage: Stage,
    /// Why it failed, on one line.
    pub cause: String,
    /// What the user can do about it, if anything.
    pub remedy: Option<String>,
    /// What the proof found, where it was the proof that failed.
    pub fault: Option<Fault>,
}

/// How far an attempt came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It could not be fetched.
    Fetch,
    /// It could not be unpacked.
    Unpack,
    /// It does not work.
    Prove,
}

/// All that is known of the builds of one program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// The program.
    pub program: Program,
    /// What is installed, in the order of their ids.
    pub installed: Vec<Installed>,
    /// The build that is used.
    pub current: Option<String>,
    /// Whether it stays so whatever is installed.
    pub pinned: bool,
    /// What failed when one was last installed.
    pub attempts: Vec<Attempt>,
    /// What could be installed here, in the order in which it would be tried.
    pub available: Vec<Available>,
    /// What could not, and why.
    pub left_out: Vec<LeftOut>,
}

/// A build that could be installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Available {
    /// Its id.
    pub build: String,
    /// Its version.
    pub version: String,
    /// What it is for.
    pub variant: Variant,
    /// Where it is from.
    pub source: SourceKind,
}

/// A build that is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Installed {
    /// Its id.
    pub build: String,
    /// The version that the catalog has for it.
    pub version: String,
    /// Where it is from.
    pub source: SourceKind,
    /// The program that is started.
    pub program: PathBuf,
    /// What it was found to work on, the last proof first.
    pub proofs: Vec<Proof>,
    /// Bytes of its files.
    pub bytes: u64,
    /// What is wrong with it, if anything.
    pub damage: Option<String>,
}

/// The build to use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Its id.
    pub build: String,
    /// What it computes on.
    pub variant: Variant,
    /// The program to start.
    pub program: PathBuf,
    /// How it was found out that it works.
    pub proof: Proof,
    /// Whether that was remembered: nothing had changed, and nothing was started.
    pub remembered: bool,
    /// What was tried before it and did not do.
    pub attempts: Vec<Attempt>,
}

/// What a look at all of a build's bytes found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Its id.
    pub build: String,
    /// Files that were looked at.
    pub files: usize,
    /// Bytes that were looked at.
    pub bytes: u64,
    /// Files that are missing or have other contents.
    pub damaged: Vec<String>,
    /// What it was found to work on now, if that was to be found out.
    pub proof: Option<Proof>,
    /// Why it does not work, if so.
    pub fault: Option<Fault>,
}

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// Ids of builds.
    pub builds: Vec<String>,
    /// Bytes of files.
    pub bytes: u64,
}
