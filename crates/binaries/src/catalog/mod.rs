//! The builds there are: those that Loadmaster knows, and those that the user adds.

mod build;
mod read;

use std::collections::BTreeMap;

pub use self::build::{Arch, Archive, Build, Extra, Needs, Os, Pip, Program, Source, SourceKind, Variant};
use crate::error::BinariesError;

/// The builds that come with this crate.
const EMBEDDED: &str = include_str!("builds.toml");

/// A list of builds, in order of preference among those that are otherwise equal.
#[derive(Debug, Clone)]
pub struct Catalog {
    builds: Vec<Build>,
    mirrors: BTreeMap<String, String>,
}

impl Catalog {
    /// No builds: for those who bring all of their own.
    pub fn empty() -> Self {
        Self::of_all(Vec::new())
    }

    /// The builds that come with this crate, from official releases and `PyPI`.
    ///
    /// # Panics
    /// Never: a test reads the same text.
    pub fn embedded() -> Self {
        Self::empty().extended(EMBEDDED, "the embedded catalog").expect("a test reads the embedded catalog")
    }

    /// This catalog with a user's own in front of it.
    ///
    /// `text` is TOML of the same form as the embedded catalog; `name` says in errors where it is from. A build
    /// with the `id` of a known one replaces it, ids in `hide` are taken away, and `mirrors` maps the beginnings
    /// of addresses to others.
    ///
    /// # Errors
    /// [`BinariesError::Catalog`] with the line, for text that is not such a catalog.
    pub fn extended(self, text: &str, name: &str) -> Result<Self, BinariesError> {
        let read = read::read(text).map_err(|fault| BinariesError::Catalog {
            name: name.to_owned(),
            line: fault.line,
            cause: fault.cause,
        })?;
        let mut builds = read.builds;
        let replaced =
            |build: &Build| builds.iter().any(|own| own.id == build.id) || read.hide.contains(&build.id);
        let kept: Vec<_> = self.builds.into_iter().filter(|build| !replaced(build)).collect();
        builds.extend(kept);
        let mut mirrors = self.mirrors;
        mirrors.extend(read.mirrors);
        Ok(Self { builds, mirrors })
    }

    /// This catalog, with what is at addresses that begin with `from` fetched from those that begin with `to`.
    #[must_use]
    pub fn mirrored(mut self, from: &str, to: &str) -> Self {
        self.mirrors.insert(from.to_owned(), to.to_owned());
        self
    }

    /// A catalog of one build.
    pub(crate) fn of(build: Build) -> Self {
        Self::of_all(vec![build])
    }

    /// A catalog of these builds.
    pub(crate) fn of_all(builds: Vec<Build>) -> Self {
        Self { builds, mirrors: BTreeMap::new() }
    }

    /// All builds, for whatever platform.
    pub fn builds(&self) -> &[Build] {
        &self.builds
    }

    /// The build with this id.
    pub fn get(&self, id: &str) -> Option<&Build> {
        self.builds.iter().find(|build| build.id == id)
    }

    /// Where to fetch what the catalog says is at `url`: there, or at the mirror whose prefix fits it best.
    pub fn address(&self, url: &str) -> String {
        let fitting = self
            .mirrors
            .iter()
            .filter_map(|(from, to)| Some((from.len(), to, url.strip_prefix(from.as_str())?)));
        match fitting.max_by_key(|(length, ..)| *length) {
            Some((_, to, rest)) => format!("{to}{rest}"),
            None => url.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_catalog_is_valid_and_pinned() {
        let catalog = Catalog::embedded();
        assert_eq!(catalog.builds().len(), 27);
        for program in [Program::Llama, Program::Sd] {
            for os in [Os::Linux, Os::Macos, Os::Windows] {
                assert!(
                    catalog.builds().iter().any(|build| build.program == program && build.os == Some(os))
                );
            }
        }
        let cuda = catalog.get("llama-b9860-windows-x64-cuda").unwrap();
        assert_eq!(cuda.also.len(), 1);
        assert_eq!(cuda.needs.driver.as_deref(), Some("528.33"));
    }

    #[test]
    fn every_interface_is_offered_where_its_makers_build_for_it() {
        let catalog = Catalog::embedded();
        let offered = |os, arch, variant| {
            catalog.builds().iter().any(|build| {
                build.program == Program::Llama
                    && (build.os, build.arch) == (Some(os), Some(arch))
                    && build.variants.contains(&variant)
            })
        };
        for os in [Os::Linux, Os::Windows] {
            for variant in [Variant::Cuda, Variant::Rocm, Variant::Sycl, Variant::Vulkan, Variant::Cpu] {
                assert!(offered(os, Arch::X64, variant), "{os:?} {variant}");
            }
            assert!(offered(os, Arch::Arm64, Variant::Cuda) && offered(os, Arch::Arm64, Variant::Cpu));
        }
        assert!(
            offered(Os::Macos, Arch::Arm64, Variant::Metal) && offered(Os::Macos, Arch::X64, Variant::Cpu)
        );
    }

    #[test]
    fn a_build_for_cards_of_one_maker_says_so() {
        use loadmaster_sysprobe::Vendor;
        for build in Catalog::embedded().builds() {
            let maker = match build.variants[0] {
                Variant::Cuda => Vendor::Nvidia,
                Variant::Rocm => Vendor::Amd,
                Variant::Sycl => Vendor::Intel,
                Variant::Metal | Variant::Vulkan | Variant::Cpu => continue,
            };
            assert_eq!(build.needs.gpu, Some(maker), "{}", build.id);
            assert_eq!(build.needs.driver.is_some(), maker == Vendor::Nvidia, "{}", build.id);
        }
    }

    #[test]
    fn a_users_builds_come_first_replace_and_hide() {
        let sha256 = "0".repeat(64);
        let own = format!(
            r#"
            schema = 1
            hide = ["llama-b9860-linux-x64-cpu"]
            [mirrors]
            "https://github.com/" = "https://mirror.example/gh/"
            "https://github.com/leejet/" = "https://other.example/"
            [[build]]
            id = "mine"
            program = "llama"
            version = "mine"
            variants = ["rocm"]
            from = {{ path = "/opt/llama" }}
            [[build]]
            id = "llama-b9860-linux-x64-vulkan"
            program = "llama"
            version = "b9861"
            os = "linux"
            arch = "arm64"
            variants = ["vulkan"]
            [build.from.archive]
            url = "https://example.com/a.zip"
            sha256 = "{sha256}"
            "#
        );
        let catalog = Catalog::embedded().extended(&own, "own").unwrap();
        assert_eq!(catalog.builds().len(), 27);
        assert_eq!(catalog.builds()[0].id, "mine");
        assert_eq!(catalog.get("llama-b9860-linux-x64-vulkan").unwrap().version, "b9861");
        assert!(catalog.get("llama-b9860-linux-x64-cpu").is_none());
        assert_eq!(catalog.address("https://github.com/a/b"), "https://mirror.example/gh/a/b");
        assert_eq!(catalog.address("https://github.com/leejet/b"), "https://other.example/b");
        assert_eq!(catalog.address("https://example.com/b"), "https://example.com/b");
    }
}
