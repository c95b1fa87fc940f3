//! What must be on the machine before a task can start, and the one line that puts it there.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{command, environment, platform};

/// The oldest Python that the OpenAI client runs on, 3.10, as a program that fails on older ones.
const PYTHON_IS_NEW_ENOUGH: &str = "import sys; sys.exit(sys.version_info < (3, 10))";

/// The oldest Node.js that `@huggingface/gguf` runs on, 20, as a program that fails on older ones.
const NODE_IS_NEW_ENOUGH: &str = "process.exit(Number(process.versions.node.split('.')[0]) < 20 ? 1 : 0)";

/// A package of the system that the tests want, and how to see that it is there.
struct SystemPackage {
    debian: &'static str,
    what: &'static str,
    is_there: fn() -> bool,
}

/// What the whole-system tests run on Linux: a C compiler for the helper that misbehaves on purpose, a C++ compiler
/// for the programs that make images, and a Vulkan device that every machine has.
const LINUX_TEST_PACKAGES: &[SystemPackage] = &[
    SystemPackage {
        debian: "gcc libc6-dev",
        what: "a C compiler (cc)",
        is_there: || command::find_in_path("cc").is_some(),
    },
    SystemPackage { debian: "g++", what: "a C++ compiler (c++)", is_there: has_cxx_compiler },
    SystemPackage {
        debian: "libvulkan1",
        what: "the Vulkan loader (libvulkan.so.1)",
        is_there: || exists_in(&library_folders(), "libvulkan.so.1"),
    },
    SystemPackage {
        debian: "mesa-vulkan-drivers",
        what: "the software Vulkan device llvmpipe (lvp_icd*.json)",
        is_there: || exists_in(&vulkan_driver_folders(), "lvp_icd"),
    },
    SystemPackage {
        debian: "python3 python3-venv python3-pip",
        what: "Python 3.10 or newer with venv and pip",
        is_there: || python_with_venv().is_ok(),
    },
];

/// Checks all that the tests need, and installs what is missing where that is ours to do: as root on a
/// Debian-like system, and `cargo-nextest` in continuous integration.
pub(crate) fn for_tests() -> Result<()> {
    if cfg!(target_os = "linux") {
        linux_packages()?;
    }
    nextest()
}

fn linux_packages() -> Result<()> {
    let missing: Vec<_> = LINUX_TEST_PACKAGES.iter().filter(|package| !(package.is_there)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let what = missing.iter().map(|package| package.what).collect::<Vec<_>>().join(", ");
    let debian = missing.iter().map(|package| package.debian).collect::<Vec<_>>().join(" ");
    if platform::is_root() && command::find_in_path("apt-get").is_some() {
        eprintln!("installing what the tests need: {what}");
        command::run(command::new("apt-get").args(["-qq", "update"]))?;
        let mut install = command::new("apt-get");
        install.args(["-qq", "install", "--yes", "--no-install-recommends"]).args(debian.split(' '));
        return command::run(install.env("DEBIAN_FRONTEND", "noninteractive"));
    }
    bail!("the tests need {what}; install with (Debian, Ubuntu): sudo apt-get install {debian}");
}

fn nextest() -> Result<()> {
    if command::find_in_path("cargo-nextest").is_some() {
        return Ok(());
    }
    if environment::is_ci() {
        return command::run(command::cargo().args(["install", "cargo-nextest", "--locked"]));
    }
    bail!("the tests run under cargo-nextest; install with: cargo install cargo-nextest --locked");
}

/// Fails where no C++ compiler is, with the line that installs one.
pub(crate) fn cxx_compiler() -> Result<()> {
    if has_cxx_compiler() {
        return Ok(());
    }
    let install = match std::env::consts::OS {
        "macos" => "xcode-select --install",
        "windows" => "winget install --exact --id Microsoft.VisualStudio.2022.BuildTools",
        _ => "sudo apt-get install g++ (or your distribution's package of it)",
    };
    bail!("no C++ compiler on the PATH; install with: {install}");
}

fn has_cxx_compiler() -> bool {
    ["c++", "g++", "clang++", "cl"].iter().any(|name| command::find_in_path(name).is_some())
}

/// A Python that can fetch wheels.
pub(crate) fn python_with_pip() -> Result<PathBuf> {
    let python = python()?;
    if !command::succeeds(command::new(&python).args(["-m", "pip", "--version"])) {
        bail!("{} has no pip; install with: {}", python.display(), python_install_line());
    }
    Ok(python)
}

/// A Python that can make virtual environments with pip in them.
pub(crate) fn python_with_venv() -> Result<PathBuf> {
    let python = python_with_pip()?;
    if !command::succeeds(command::new(&python).args(["-c", "import venv, ensurepip"])) {
        bail!("{} has no venv; install with: {}", python.display(), python_install_line());
    }
    Ok(python)
}

fn python() -> Result<PathBuf> {
    platform::PYTHON_NAMES
        .iter()
        .filter_map(|name| command::find_in_path(name))
        .find(|python| command::succeeds(command::new(python).args(["-c", PYTHON_IS_NEW_ENOUGH])))
        .with_context(|| {
            format!("no Python 3.10 or newer on the PATH; install with: {}", python_install_line())
        })
}

/// Node.js of a version that the peer among its packages runs on, and npm.
pub(crate) fn node_with_npm() -> Result<(PathBuf, PathBuf)> {
    let node = command::find_in_path("node")
        .filter(|node| command::succeeds(command::new(node).args(["-e", NODE_IS_NEW_ENOUGH])));
    node.zip(command::find_in_path("npm")).with_context(|| {
        let install = match std::env::consts::OS {
            "macos" => "brew install node",
            "windows" => "winget install --exact --id OpenJS.NodeJS",
            _ => "sudo apt-get install nodejs npm (or your distribution's packages of them)",
        };
        format!("no Node.js 20 or newer with npm on the PATH; install with: {install}")
    })
}

/// Names that Chromium and its relatives have on the `PATH`.
const BROWSERS: &[&str] = &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A browser that can be driven; installed where that is ours to do.
pub(crate) fn chromium() -> Result<PathBuf> {
    let found = || BROWSERS.iter().find_map(|name| command::find_in_path(name));
    if let Some(browser) = found() {
        return Ok(browser);
    }
    if platform::is_root() && command::find_in_path("apt-get").is_some() {
        command::run(command::new("apt-get").args(["-qq", "update"]))?;
        let mut install = command::new("apt-get");
        install.args(["-qq", "install", "--yes", "--no-install-recommends", "chromium"]);
        command::run(install.env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    found().with_context(|| {
        let install = match std::env::consts::OS {
            "macos" => "brew install --cask chromium",
            "windows" => "winget install --exact --id Google.Chrome",
            _ => "sudo apt-get install chromium",
        };
        format!("no Chromium on the PATH; install with: {install}")
    })
}

fn python_install_line() -> &'static str {
    match std::env::consts::OS {
        "macos" => "brew install python",
        "windows" => "winget install --exact --id Python.Python.3.13",
        _ => {
            "sudo apt-get install python3 python3-venv python3-pip (or your distribution's packages of them)"
        }
    }
}

fn library_folders() -> Vec<PathBuf> {
    let multiarch = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    [multiarch.as_str(), "/usr/lib64", "/usr/lib", "/usr/local/lib"].map(PathBuf::from).into()
}

fn vulkan_driver_folders() -> Vec<PathBuf> {
    ["/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d"]
        .map(PathBuf::from)
        .into()
}

/// Whether one of `folders` has a file whose name starts with `start`.
fn exists_in(folders: &[PathBuf], start: &str) -> bool {
    let has = |folder: &Path| {
        fs::read_dir(folder).is_ok_and(|entries| {
            entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with(start))
        })
    };
    folders.iter().any(|folder| has(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_the_start_of_their_name() {
        let folder = tempfile::tempdir().unwrap();
        let folders = [PathBuf::from("/nowhere/at/all"), folder.path().to_owned()];
        assert!(!exists_in(&folders, "lvp_icd"));
        fs::write(folder.path().join("lvp_icd.x86_64.json"), "{}").unwrap();
        assert!(exists_in(&folders, "lvp_icd"));
    }

    #[test]
    fn a_python_that_is_too_old_is_told_from_one_that_is_not() {
        let python = python().unwrap();
        assert!(command::succeeds(command::new(&python).args(["-c", PYTHON_IS_NEW_ENOUGH])));
        let future = PYTHON_IS_NEW_ENOUGH.replace("(3, 10)", "(99, 0)");
        assert!(!command::succeeds(command::new(&python).args(["-c", &future])));
    }
}
