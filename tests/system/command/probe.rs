//! `loadmaster probe` before real drivers, none, and broken ones.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{empty_folder, ended};
use crate::support::{loadmaster, process};

const GIB: u64 = 1 << 30;

/// A driver file that is not there: the Vulkan loader finds no driver.
pub(super) const NO_VULKAN: (&str, &str) = ("VK_DRIVER_FILES", "/nonexistent/driver.json");

/// What `probe --json` says of the GPUs, with the variables of `environment`.
fn facts(environment: &[(&str, &str)]) -> Value {
    let home = empty_folder();
    let mut command = loadmaster(home.path());
    command.args(["probe", "--json"]).envs(environment.iter().copied());
    ended(&mut command).json()["facts"].clone()
}

/// A folder with the fake NVML under its real name.
pub(super) fn fake_nvml() -> TempDir {
    let folder = empty_folder();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join("fake_nvml.c");
    let library: PathBuf = folder.path().join("libnvidia-ml.so.1");
    let mut compiler = process("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).args([&library, &source]);
    let status = compiler.status().expect("a C compiler is needed; run: apt-get install -y gcc libc6-dev");
    assert!(status.success(), "cc failed on {}", source.display());
    folder
}

/// What is said of GPUs when the fake behaves like `behaviour`.
fn facts_with_nvml(behaviour: &str) -> Value {
    let folder = fake_nvml();
    let path = folder.path().to_str().expect("the temporary folder has a plain name");
    facts(&[NO_VULKAN, ("LD_LIBRARY_PATH", path), ("FAKE_NVML", behaviour)])
}

#[test]
fn a_software_gpu_is_listed_as_such() {
    let facts = facts(&[]);
    let gpus = facts["gpus"].as_array().expect("GPUs are listed");
    let software = gpus.iter().find(|gpu| gpu["name"].as_str().is_some_and(|name| name.contains("llvmpipe")));
    let gpu = software.unwrap_or_else(|| {
        panic!("no llvmpipe in {facts:#}\nrun: apt-get install -y libvulkan1 mesa-vulkan-drivers")
    });
    assert_eq!((&gpu["kind"], &gpu["shares_host_memory"]), (&"software".into(), &true.into()));
    assert!(gpu["apis"]["vulkan"].is_u64(), "{gpu}");
    assert!(gpu["memory_total"].as_u64().is_some_and(|bytes| bytes >= 512 << 20), "{gpu}");
}

#[test]
fn without_a_driver_the_rest_of_the_machine_is_still_there() {
    let facts = facts(&[NO_VULKAN]);
    let gpus = facts["gpus"].as_array().expect("GPUs are listed");
    assert!(gpus.iter().all(|gpu| gpu["apis"]["vulkan"].is_null()), "{facts:#}");
    assert!(facts["cpu"]["physical_cores"].as_u64().is_some_and(|cores| cores > 0), "{facts:#}");
    assert!(facts["memory"]["physical"].as_u64().is_some_and(|bytes| bytes > GIB / 4), "{facts:#}");
}

#[test]
fn nvidia_cards_are_listed_with_their_memory_and_address() {
    let facts = facts_with_nvml("healthy");
    assert_eq!(facts["notes"], json!([]));
    let gpus = facts["gpus"].as_array().expect("GPUs are listed");
    let told: Vec<_> = gpus.iter().map(|gpu| [&gpu["id"], &gpu["uuid"], &gpu["pci_address"]]).collect();
    let first = ["gpu0", "GPU-aaaaaaaa-0000-4000-8000-000000000001", "0000:01:00.0"].map(Value::from);
    let second = ["gpu1", "GPU-bbbbbbbb-0000-4000-8000-000000000002", "0000:21:00.0"].map(Value::from);
    assert_eq!(told, [first.each_ref(), second.each_ref()]);
    let memory: Vec<_> = gpus.iter().map(|gpu| gpu["memory_total"].as_u64()).collect();
    assert_eq!(memory, [Some(12 * GIB), Some(24 * GIB)]);
}

/// The one note that a broken driver leads to; there is no card then.
fn only_note(behaviour: &str) -> (String, String) {
    let facts = facts_with_nvml(behaviour);
    assert_eq!(facts["gpus"], json!([]));
    let [note] = facts["notes"].as_array().expect("notes are listed").as_slice() else {
        panic!("one note, not {facts:#}")
    };
    let text = |name: &str| note[name].as_str().expect("notes are text").to_owned();
    (text("what"), text("remedy"))
}

const LOOK: &str = "see whether `nvidia-smi` works; if it does not, reinstall the NVIDIA driver. \
                    Until then only cards that Vulkan sees are used";

#[test]
fn a_driver_that_hangs_does_not_hang_the_probe() {
    let what = "the NVIDIA driver did not answer within 5s";
    assert_eq!(only_note("hang"), (what.to_owned(), LOOK.to_owned()));
}

#[test]
fn a_driver_that_crashes_does_not_crash_the_probe() {
    let what = "the NVIDIA driver crashed the probe: SIGSEGV";
    assert_eq!(only_note("segfault"), (what.to_owned(), LOOK.to_owned()));
}

#[test]
fn the_table_has_the_same_in_words() {
    let (home, nvml) = (empty_folder(), fake_nvml());
    let mut command = loadmaster(home.path());
    command.arg("probe").envs([NO_VULKAN]).env("LD_LIBRARY_PATH", nvml.path());
    let table = ended(&mut command).printed();
    let line = "gpu1           NVIDIA GeForce RTX 4090 (discrete; 20.0 GiB of 24.0 GiB free; NVML 1)";
    assert!(table.lines().any(|found| found == line), "{table}");
    let backend = "backend llama  text models with llama-server of llama.cpp";
    assert!(table.lines().any(|found| found == backend), "{table}");
}
