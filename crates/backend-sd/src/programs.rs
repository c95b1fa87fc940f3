//! Where `sd-server` and `sd-cli` are, and what a build of them can do.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use loadmaster_core::{BackendContext, BackendError, DeviceKind, Machine};
use loadmaster_supervise::{Spec, Supervisor};

use crate::settings::Mode;

/// A build answers in milliseconds; a driver that hangs never does.
const DEADLINE: Duration = Duration::from_secs(20);

/// What a build says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Build {
    pub(crate) samplers: Vec<String>,
    pub(crate) schedulers: Vec<String>,
    /// Whether it can show what a latent image looks like without decoding it.
    pub(crate) previews: bool,
    /// The devices that it computes on, as it names them; `CPU` is not among them.
    pub(crate) devices: Vec<String>,
}

/// The program's name on this platform.
fn name(mode: Mode) -> &'static str {
    match mode {
        Mode::Resident if cfg!(windows) => "sd-server.exe",
        Mode::Resident => "sd-server",
        Mode::OneShot if cfg!(windows) => "sd-cli.exe",
        Mode::OneShot => "sd-cli",
    }
}

/// The program for `mode`: the configured one, else the one beside the other's, else the first on the search path.
pub(crate) fn locate(
    mode: Mode,
    configured: Option<&Path>,
    other: Option<&Path>,
    context: &BackendContext,
) -> Result<PathBuf, BackendError> {
    let program = name(mode);
    let missing = |looked_at: Option<&Path>| BackendError::ServerMissing {
        program: if mode == Mode::Resident { "sd-server" } else { "sd-cli" },
        looked_at: looked_at.map(Path::to_owned),
        remedy: match looked_at {
            Some(_) => "Correct the path in the section [backends.sd] of the configuration.".into(),
            None => "Install one with `loadmaster binaries install sd`, or name it in the section [backends.sd] of the configuration.".into(),
        },
    };
    // A folder is taken as where the build was unpacked to.
    let in_folder = |path: &Path| if path.is_dir() { path.join(program) } else { path.to_owned() };
    if let Some(path) = configured {
        let found = in_folder(path);
        return if found.is_file() { Ok(found) } else { Err(missing(Some(path))) };
    }
    let beside = other.and_then(|path| if path.is_dir() { Some(path.join(program)) } else { Some(path.parent()?.join(program)) });
    beside.filter(|path| path.is_file()).or_else(|| context.find_program(program)).ok_or_else(|| missing(None))
}

/// Asks a build what it can do.
pub(crate) async fn ask(program: &Path, supervisor: &Supervisor) -> Result<Build, BackendError> {
    let help = run(program, &["--help"], supervisor).await?;
    // It tells its devices before it looks for the model, which it does not find.
    let nothing = ["--verbose", "--prompt", "x", "--model", "/nonexistent/loadmaster-asks-for-devices"];
    let told = run(program, &nothing, supervisor).await?;
    Ok(Build {
        samplers: list_in(&help, "--sampling-method"),
        schedulers: list_in(&help, "--scheduler"),
        previews: help.iter().any(|line| line.trim_start().starts_with("--preview ")),
        devices: devices_in(&told),
    })
}

/// All that it prints.
async fn run(program: &Path, arguments: &[&str], supervisor: &Supervisor) -> Result<Vec<String>, BackendError> {
    let action = || format!("asking {} what it can do", program.display());
    let spec = Spec::new(program).args(arguments).env("GGML_NO_BACKTRACE", "1").ring_lines(1000);
    let child = supervisor.spawn(spec).await.map_err(|error| BackendError::system(action(), error))?;
    match tokio::time::timeout(DEADLINE, child.exit().wait()).await {
        Ok(exit) => Ok(exit.last_lines),
        Err(_) => Err(BackendError::system(action(), "it did not answer; a driver may hang")),
    }
}

/// The names in `--sampling-method   sampling method, one of [euler, euler_a,` over several lines.
fn list_in(help: &[String], flag: &str) -> Vec<String> {
    let Some(first) = help.iter().position(|line| line.trim_start().starts_with(&format!("{flag} "))) else {
        return Vec::new();
    };
    let text: String = help[first..].iter().take(8).map(|line| format!(" {}", line.trim())).collect();
    let list = text.split_once("one of [").and_then(|(_, rest)| rest.split_once(']'));
    let names = list.map(|(list, _)| list.split(',').map(|name| name.trim().to_owned()));
    names.into_iter().flatten().filter(|name| !name.is_empty()).collect()
}

/// The devices in `[DEBUG] util.cpp:716  - #0: CPU`.
fn devices_in(lines: &[String]) -> Vec<String> {
    let device = |line: &String| {
        let (_, rest) = line.strip_prefix("[DEBUG]")?.split_once(" - #")?;
        let (number, name) = rest.split_once(": ")?;
        number.parse::<u32>().ok()?;
        Some(name.split([' ', '(']).next().unwrap_or(name).to_owned())
    };
    lines.iter().filter_map(device).filter(|name| !name.starts_with("CPU")).collect()
}

/// The id of the GPU that a build computes on: its first one, by the number that its driver has for it.
pub(crate) fn device_of(build: &Build, machine: &Machine) -> Option<String> {
    let first = build.devices.first()?;
    let kind = first.trim_end_matches(|c: char| c.is_ascii_digit());
    let driver = match kind {
        "CUDA" => "nvml",
        "Vulkan" => "vulkan",
        other => other,
    };
    let alias = format!("{}:{}", driver.to_lowercase(), &first[kind.len()..]);
    let mut gpus = machine.devices.iter().filter(|device| device.kind != DeviceKind::Host);
    let named = machine.device(&alias).filter(|device| device.kind != DeviceKind::Host);
    named.or_else(|| gpus.next()).map(|device| device.id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_devices_are_read() {
        let help: Vec<String> = [
            "  -s, --seed                               RNG seed",
            "  --sampling-method                        sampling method, one of [euler, euler_a, heun,",
            "                                           dpm++2m] (default: euler)",
            "  --preview                                preview method.",
        ]
        .map(str::to_owned)
        .into();
        assert_eq!(list_in(&help, "--sampling-method"), ["euler", "euler_a", "heun", "dpm++2m"]);
        assert!(list_in(&help, "--scheduler").is_empty());
        let lines = ["[DEBUG] util.cpp:716  - #0: Vulkan0 (AMD)", "[DEBUG] util.cpp:716  - #1: CPU"].map(str::to_owned);
        assert_eq!(devices_in(&lines), ["Vulkan0"]);
    }
}
