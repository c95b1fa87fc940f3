//! Builds the fake drivers and points a probe's children at them, and at nothing else.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use loadmaster_sysprobe::Probe;
use tempfile::TempDir;

use crate::children_are_this_test;

/// A folder with fake drivers, deleted when dropped.
pub(crate) struct Fakes {
    folder: TempDir,
}

impl Fakes {
    /// Only what the test adds is there: no real driver is seen.
    pub(crate) fn none() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Self { folder }
    }

    /// Adds the fake NVML, two cards unless the environment says otherwise.
    pub(crate) fn with_nvml(self, flags: &[&str]) -> Self {
        let source = "../../tests/fixtures/fake_nvml.c";
        compile(source, &self.folder.path().join("libnvidia-ml.so.1"), flags);
        self
    }

    /// Adds the fake Vulkan driver.
    pub(crate) fn with_vulkan(self) -> Self {
        let library = self.folder.path().join("libfake_vulkan_driver.so");
        compile("tests/fixtures/fake_vulkan_driver.c", &library, &[]);
        let manifest = format!(
            r#"{{"file_format_version": "1.0.0", "ICD": {{"library_path": "{}", "api_version": "1.1.0"}}}}"#,
            library.display()
        );
        fs::write(self.manifest(), manifest).expect("the folder is writable");
        self
    }

    /// A probe that sees these drivers alone. `/proc` and `/sys` are empty for it.
    pub(crate) fn probe(&self) -> Probe {
        children_are_this_test()
            .env("LD_LIBRARY_PATH", self.folder.path())
            .env("VK_DRIVER_FILES", self.manifest())
            .root(self.folder.path().join("root"))
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn manifest(&self) -> PathBuf {
        self.folder.path().join("fake_vulkan_driver.json")
    }
}

fn compile(source: &str, library: &Path, flags: &[&str]) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    #[expect(clippy::disallowed_methods, reason = "the C compiler ends by itself, and is waited for")]
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-o"])
        .args([library, &source])
        .args(flags)
        .status()
        .expect("a C compiler is needed; run: apt-get install -y gcc libc6-dev");
    assert!(status.success(), "cc failed on {}", source.display());
}
