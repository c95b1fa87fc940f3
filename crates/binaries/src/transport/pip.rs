//! Wheels through pip, which knows its index, its proxy and its certificates.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use loadmaster_supervise::{Child, Exit, Spec, SuperviseError, Supervisor};

use super::{TransportError, check};
use crate::catalog::Pip;

/// Names under which a Python 3 is found.
const PYTHONS: &[&str] = if cfg!(windows) { &["py", "python"] } else { &["python3", "python"] };

/// pip itself gives up on an index after five tries of 15 seconds with pauses; this is for what hangs beyond that.
const STALL: Duration = Duration::from_mins(4);

/// How often what has come is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Wheels through `pip download`.
#[derive(Debug, Clone)]
pub struct PipDownloads {
    /// The user's Python.
    python: Option<PathBuf>,
    supervisor: Supervisor,
    env: Vec<(OsString, OsString)>,
}

impl PipDownloads {
    /// Downloads with the pip of this Python, or of the one on the `PATH`. `env` is set for it on top of what it
    /// inherits.
    pub fn new(python: Option<PathBuf>, supervisor: Supervisor, env: Vec<(OsString, OsString)>) -> Self {
        Self { python, supervisor, env }
    }

    /// Brings the wheel into `folder`, which is empty, and returns its path there.
    ///
    /// # Errors
    /// [`TransportError`]; what is in the folder is then of no use.
    pub async fn fetch(
        &self,
        pip: &Pip,
        folder: &Path,
        progress: &(dyn Fn(u64, Option<u64>) + Send + Sync),
    ) -> Result<PathBuf, TransportError> {
        let what = format!("{}=={}", pip.package, pip.version);
        let unfinished = folder.join("unfinished");
        fs::create_dir(&unfinished)?;
        let child = self.start(&what, folder, &unfinished).await?;
        let exit = watch(&child, folder, pip.bytes, progress).await;
        let failed = |cause: String| TransportError::Pip { what: what.clone(), cause };
        let Some(exit) = exit else {
            return Err(failed(format!("nothing came for {} seconds", STALL.as_secs())));
        };
        if !exit.status.success() {
            return Err(failed(said(&exit)));
        }
        let wheel = folder.join(&pip.file);
        if !wheel.is_file() {
            return Err(failed(format!("it brought something other than {}", pip.file)));
        }
        check(&wheel, &pip.file, &pip.sha256, pip.bytes).await?;
        Ok(wheel)
    }

    async fn start(&self, what: &str, folder: &Path, unfinished: &Path) -> Result<Child, TransportError> {
        let named = self.python.clone().map(|python| vec![python]);
        let pythons = named.unwrap_or_else(|| PYTHONS.iter().map(PathBuf::from).collect());
        let mut causes = Vec::new();
        for python in pythons {
            let mut spec = Spec::new(&python)
                .args(["-m", "pip", "download", "--disable-pip-version-check", "--no-input"])
                .args(["--quiet", "--progress-bar", "off", "--no-deps", "--only-binary", ":all:", "--dest"])
                .arg(folder)
                .arg(what)
                // Where pip keeps what is not finished, so that it can be watched, and goes with the rest.
                .env("TMPDIR", unfinished)
                .env("TMP", unfinished);
            for (name, value) in &self.env {
                spec = spec.env(name, value);
            }
            match self.supervisor.spawn(spec).await {
                Ok(child) => return Ok(child),
                Err(error @ SuperviseError::NotFound { .. }) => causes.push(error.to_string()),
                Err(error) => return Err(TransportError::NoPython { cause: error.to_string() }),
            }
        }
        Err(TransportError::NoPython { cause: causes.join("; ") })
    }
}

/// Waits for pip to end; `None` if nothing came for too long.
async fn watch(
    child: &Child,
    folder: &Path,
    total: Option<u64>,
    progress: &(dyn Fn(u64, Option<u64>) + Send + Sync),
) -> Option<Exit> {
    let exit = child.exit();
    let (mut seen, mut most, mut since) = (0, 0, Instant::now());
    loop {
        if let Ok(exit) = tokio::time::timeout(LOOK, exit.wait()).await {
            return Some(exit);
        }
        let bytes = size_of(folder);
        if bytes != seen {
            (seen, since) = (bytes, Instant::now());
            // pip copies what it has: for a moment it is there twice.
            most = most.max(total.map_or(bytes, |total| bytes.min(total)));
            progress(most, total);
        } else if since.elapsed() > STALL {
            child.stop(Duration::from_secs(1)).await;
            return None;
        }
    }
}

/// Bytes of all files below a folder. What goes away meanwhile does not count.
fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size_of(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

/// What pip gives as its reason: its last line, which is the first that says `ERROR` when there is one.
fn said(exit: &Exit) -> String {
    let lines = &exit.last_lines;
    let error = lines.iter().find_map(|line| line.strip_prefix("ERROR: "));
    let said = error.or(lines.last().map(String::as_str)).unwrap_or_default().trim();
    if said.is_empty() { exit.status.to_string() } else { said.to_owned() }
}
