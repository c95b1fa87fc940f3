//! Libraries, machines and builds for tests.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use loadmaster_binaries::{
    Arch, BinariesError, Catalog, Found, Host, Library, Observer, Os, PipDownloads, Program, Prover, Request,
    Step, Tools,
};
use loadmaster_fetch::{Client, Options};
use loadmaster_supervise::Supervisor;
use loadmaster_sysprobe::{Apis, Gpu, GpuKind, Vendor};

use crate::{
    packed::{Entry, write_tar_gz},
    web::Web,
};

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where their fixtures are")]
fn fixture(variable: &str) -> PathBuf {
    match std::env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => panic!("{variable} is not set; run: cargo xtask test"),
    }
}

/// The real `llama-server`.
pub(crate) fn llama_server() -> PathBuf {
    fixture("LOADMASTER_TEST_LLAMA_SERVER")
}

/// The real `sd-cli`.
pub(crate) fn sd_cli() -> PathBuf {
    fixture("LOADMASTER_TEST_SD_CLI")
}

/// The real `sd-server`.
pub(crate) fn sd_server() -> PathBuf {
    fixture("LOADMASTER_TEST_SD_SERVER")
}

/// A Python with pip.
pub(crate) fn python() -> PathBuf {
    fixture("LOADMASTER_TEST_PYTHON")
}

/// A machine with one card, whose driver has this version.
pub(crate) fn host(driver: &str) -> Host {
    let card = Gpu {
        id: "gpu0".to_owned(),
        name: "A card".to_owned(),
        vendor: Vendor::Amd,
        kind: GpuKind::Discrete,
        apis: Apis { nvml: None, vulkan: Some(0), metal: false },
        uuid: Some("some-uuid".to_owned()),
        pci_address: None,
        driver_version: Some(driver.to_owned()),
        cuda_capability: None,
        memory_total: None,
        memory_free: None,
        shares_host_memory: false,
    };
    Host {
        os: Some(Os::Linux),
        arch: Some(Arch::X64),
        os_build: "a system".to_owned(),
        cpu: Vec::new(),
        gpus: vec![card],
    }
}

/// A library in a folder of its own, and a server for its archives.
pub(crate) struct Setup {
    pub(crate) home: tempfile::TempDir,
    pub(crate) web: Web,
    pub(crate) host: Host,
    folder: PathBuf,
    catalog: String,
    steps: Arc<Mutex<Vec<Step>>>,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        Self {
            folder: home.path().join("library"),
            home,
            web: Web::new(),
            host: host("1.0"),
            catalog: "schema = 1\n".to_owned(),
            steps: Arc::default(),
        }
    }

    /// Adds a build from an archive that is served with these entries.
    pub(crate) fn archive(&mut self, id: &str, variants: &str, entries: &[Entry]) {
        let (url, sha256) = self.put(&format!("{id}.tar.gz"), entries);
        self.at(id, variants, &url, &sha256);
    }

    /// Adds a build of stable-diffusion.cpp from an archive that is served with these entries.
    pub(crate) fn painter(&mut self, id: &str, variants: &str, entries: &[Entry]) {
        let (url, sha256) = self.put(&format!("{id}.tar.gz"), entries);
        let source = format!("[build.from.archive]\nurl = \"{url}\"\nsha256 = \"{sha256}\"\n");
        self.add_of("sd", id, variants, &source);
    }

    /// Serves an archive with these entries, and says where, and its SHA-256.
    pub(crate) fn put(&self, name: &str, entries: &[Entry]) -> (String, String) {
        let path = self.home.path().join("archive");
        write_tar_gz(&path, entries);
        self.web.put(name, fs::read(path).unwrap())
    }

    /// Adds a build from this address.
    pub(crate) fn at(&mut self, id: &str, variants: &str, url: &str, sha256: &str) {
        self.add(id, variants, &format!("[build.from.archive]\nurl = \"{url}\"\nsha256 = \"{sha256}\"\n"));
    }

    /// Adds a build of llama.cpp.
    pub(crate) fn add(&mut self, id: &str, variants: &str, rest: &str) {
        self.add_of("llama", id, variants, rest);
    }

    fn add_of(&mut self, program: &str, id: &str, variants: &str, rest: &str) {
        let build =
            format!("id = \"{id}\"\nprogram = \"{program}\"\nversion = \"{id}\"\nvariants = {variants}");
        self.catalog.push_str(&["[[build]]\n", &build, "\n", rest].concat());
    }

    /// Keeps the library in another folder.
    pub(crate) fn library_at(&mut self, folder: &Path) {
        folder.clone_into(&mut self.folder);
    }

    pub(crate) fn library(&self) -> Library {
        self.library_with(&[])
    }

    /// A library whose programs get these variables.
    pub(crate) fn library_with(&self, env: &[(&str, &str)]) -> Library {
        self.library_of(Catalog::empty().extended(&self.catalog, "the test's catalog").unwrap(), env)
    }

    /// The same with this catalog.
    pub(crate) fn library_of(&self, catalog: Catalog, env: &[(&str, &str)]) -> Library {
        let env: Vec<_> =
            env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
        let supervisor = Supervisor::new(None);
        let client = Client::new(Options { retries: 0, ..Options::default() }).unwrap();
        let tools = Tools {
            catalog,
            pip: PipDownloads::new(Some(python()), supervisor.clone(), env.clone()),
            prover: Prover::new(supervisor.clone(), env),
            ..Tools::new(client, supervisor)
        };
        Library::open(&self.folder, tools).unwrap()
    }

    pub(crate) fn observer(&self) -> Observer {
        let steps = self.steps.clone();
        Observer::new(move |step| steps.lock().unwrap().push(step.clone()))
    }

    /// What has been done since this was last asked, by the names of the steps.
    pub(crate) fn steps(&self) -> Vec<String> {
        let steps = std::mem::take(&mut *self.steps.lock().unwrap());
        let name = |step: &Step| serde_json::to_value(step).unwrap()["step"].as_str().unwrap().to_owned();
        let mut names: Vec<_> = steps.iter().map(name).collect();
        names.dedup();
        names
    }

    pub(crate) async fn install(&self, request: &Request) -> Result<Found, BinariesError> {
        self.library().install(request, &self.host, &self.observer()).await
    }

    pub(crate) async fn install_build(&self, id: &str) -> Result<Found, BinariesError> {
        let mut request = Request::new(Program::Llama);
        request.wanted.build = Some(id.to_owned());
        self.install(&request).await
    }

    pub(crate) async fn find(&self) -> Result<Found, BinariesError> {
        self.library().find(Program::Llama, &self.host, &self.observer()).await
    }

    /// What lies in the program's folder, and is neither installed nor remembered.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let folder = self.folder.join("llama");
        let hidden = |folder: PathBuf| {
            let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
            entries.map(|name| name.to_string_lossy().into_owned()).filter(|name| name.starts_with('.'))
        };
        hidden(folder.join("builds")).chain(hidden(folder.join("records"))).chain(hidden(folder)).collect()
    }
}

/// A shell script as the program of a build: a fake for a fault that the real one cannot show.
pub(crate) fn script(text: &str) -> Vec<Entry> {
    vec![Entry::File(b"top/llama-server".to_vec(), format!("#!/bin/sh\n{text}\n").into_bytes(), 0o755)]
}

/// The real server under another roof, and a file that tells builds apart.
pub(crate) fn real(mark: &str) -> Vec<Entry> {
    let mut entries = script(&format!("exec '{}' \"$@\"", llama_server().display()));
    entries.push(Entry::File(b"top/MARK".to_vec(), mark.into(), 0o644));
    entries
}
