//! Builds of a server, as they are shown.

use std::collections::BTreeSet;

use loadmaster_binaries::{
    Attempt, Available, Catalog, Installed, LeftOut, Listing, Program, Proof, SourceKind, Unsuitable, Variant,
};
use serde::Serialize;
use utoipa::ToSchema;

/// Why a build is not used.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Rejected {
    /// In words.
    why: String,
    /// What the user can do, if anything.
    remedy: Option<String>,
}

/// One build.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Build {
    /// What it is called by.
    id: String,
    /// The version that the catalog has for it.
    version: Option<String>,
    /// What it computes on: `cuda`, `vulkan`, `cpu`, ...
    variant: Option<&'static str>,
    /// Where it is from: `archive`, `pip`, or `path` where the user named it.
    #[schema(value_type = Option<String>)]
    origin: Option<SourceKind>,
    /// Whether it is here.
    installed: bool,
    /// Whether this machine has what it needs.
    suitable: bool,
    /// Bytes of its files, if it is here.
    bytes: Option<u64>,
    /// What it was found to work on last.
    #[schema(value_type = Option<Object>)]
    proven: Option<Proof>,
    /// Why it is not used, if it does not do.
    rejected: Option<Rejected>,
}

/// The builds of one server.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "it is what the contract calls it")]
pub(crate) struct Server {
    /// `llama` or `sd`.
    server: &'static str,
    /// The build that is used.
    active: Option<String>,
    /// Whether it stays so whatever is installed.
    pinned: bool,
    /// Those that are here, those that could be, and those that do not do.
    builds: Vec<Build>,
}

impl Server {
    /// Whether this is that server, and the build is the one that it uses.
    pub(super) fn uses(&self, server: Program, build: &str) -> bool {
        self.server == server.name() && self.active.as_deref() == Some(build)
    }
}

/// Each build once: as it is installed, else as it could be, else as it cannot. The catalog knows the versions of those
/// that are left out.
pub(super) fn server(listing: &Listing, catalog: &Catalog) -> Server {
    let active = listing.current.as_deref();
    let failed = |id: &str| listing.attempts.iter().rfind(|attempt| attempt.build == id);
    let mut builds: Vec<Build> = listing
        .installed
        .iter()
        .map(|installed| {
            here(installed, failed(&installed.build).filter(|_| active != Some(&installed.build)))
        })
        .collect();
    let mut known: BTreeSet<&str> = listing.installed.iter().map(|one| one.build.as_str()).collect();
    let others = listing.available.iter().filter(|one| known.insert(&one.build));
    builds.extend(others.map(|one| installable(one, failed(&one.build))));
    let of_interest =
        |one: &&LeftOut| !matches!(one.why, Unsuitable::OtherPlatform | Unsuitable::NotAskedFor);
    let left_out = listing.left_out.iter().filter(of_interest).filter(|one| known.insert(&one.build));
    builds.extend(left_out.map(|one| unsuitable(one, catalog)));
    Server { server: listing.program.name(), active: listing.current.clone(), pinned: listing.pinned, builds }
}

fn here(installed: &Installed, failed: Option<&Attempt>) -> Build {
    let damage = installed.damage.as_ref().map(|damage| Rejected {
        why: damage.clone(),
        remedy: Some("Verify it, or install it again.".to_owned()),
    });
    let proven = installed.proofs.first().cloned();
    Build {
        id: installed.build.clone(),
        version: Some(installed.version.clone()).filter(|version| !version.is_empty()),
        variant: proven.as_ref().map(|proof| proof.variant.name()),
        origin: Some(installed.source),
        installed: true,
        suitable: true,
        bytes: Some(installed.bytes),
        proven,
        rejected: damage.or_else(|| failed.map(rejected)),
    }
}

fn installable(available: &Available, failed: Option<&Attempt>) -> Build {
    Build {
        version: Some(available.version.clone()),
        origin: Some(available.source),
        rejected: failed.map(rejected),
        ..absent(&available.build, available.variant)
    }
}

fn unsuitable(left_out: &LeftOut, catalog: &Catalog) -> Build {
    let rejected = Rejected { why: left_out.why.to_string(), remedy: left_out.why.remedy() };
    let build = catalog.get(&left_out.build);
    Build {
        version: build.map(|build| build.version.clone()),
        origin: build.map(|build| build.from.kind()),
        suitable: false,
        rejected: Some(rejected),
        ..absent(&left_out.build, left_out.variant)
    }
}

fn absent(id: &str, variant: Variant) -> Build {
    Build {
        id: id.to_owned(),
        version: None,
        variant: Some(variant.name()),
        origin: None,
        installed: false,
        suitable: true,
        bytes: None,
        proven: None,
        rejected: None,
    }
}

fn rejected(attempt: &Attempt) -> Rejected {
    Rejected { why: attempt.cause.clone(), remedy: attempt.remedy.clone() }
}

#[cfg(test)]
mod tests {
    use loadmaster_binaries::Stage;

    use super::*;

    fn available(build: &str, variant: Variant) -> Available {
        let (build, version) = (build.to_owned(), "1".to_owned());
        Available { build, version, variant, source: SourceKind::Archive }
    }

    fn left_out(build: &str, variant: Variant, why: Unsuitable) -> LeftOut {
        LeftOut { build: build.to_owned(), variant, why }
    }

    #[test]
    fn each_build_is_told_once_and_why_it_is_not_used() {
        let proof = Proof { variant: Variant::Cpu, device: None, version: None, worked: true, at: 1 };
        let installed = Installed {
            build: "all".to_owned(),
            version: "1".to_owned(),
            source: SourceKind::Archive,
            program: "p".into(),
            proofs: vec![proof],
            bytes: 5,
            damage: None,
        };
        let attempt = |build: &str| Attempt {
            build: build.to_owned(),
            variant: Variant::Vulkan,
            stage: Stage::Prove,
            cause: "it crashed".to_owned(),
            remedy: Some("Update the driver.".to_owned()),
            fault: None,
        };
        let too_old = Unsuitable::DriverTooOld { card: "A".into(), has: "1".into(), needs: "2".into() };
        let listing = Listing {
            program: Program::Llama,
            installed: vec![installed],
            current: Some("all".to_owned()),
            pinned: false,
            attempts: vec![attempt("all"), attempt("vulkan")],
            available: vec![
                available("vulkan", Variant::Vulkan),
                available("all", Variant::Cpu),
                available("cpu", Variant::Cpu),
            ],
            left_out: vec![
                left_out("cuda", Variant::Cuda, too_old),
                left_out("all", Variant::Cuda, Unsuitable::NoCard { vendor: None }),
                left_out("mac", Variant::Metal, Unsuitable::OtherPlatform),
            ],
        };
        let told = server(&listing, &Catalog::empty());
        let builds: Vec<_> = told
            .builds
            .iter()
            .map(|build| {
                (build.id.as_str(), build.variant, build.rejected.as_ref().map(|one| one.why.as_str()))
            })
            .collect();
        let expected = [
            // It was tried for the GPU, does on the processor, and is used.
            ("all", Some("cpu"), None),
            ("vulkan", Some("vulkan"), Some("it crashed")),
            ("cpu", Some("cpu"), None),
            ("cuda", Some("cuda"), Some("the driver of A is 1, and it needs 2 or newer: update the driver")),
        ];
        assert_eq!(builds, expected);
        assert_eq!(
            told.builds[3].rejected.as_ref().unwrap().remedy.as_deref(),
            Some("Update the driver of A to 2 or newer.")
        );
        let suitable: Vec<_> = told.builds.iter().map(|build| build.suitable).collect();
        assert_eq!(suitable, [true, true, true, false]);
        assert_eq!(
            (told.active.as_deref(), told.builds[0].installed, told.builds[1].installed),
            (Some("all"), true, false)
        );
    }
}
