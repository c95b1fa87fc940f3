//! Where `llama-server` is, and which devices that build can use.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use loadmaster_core::{BackendContext, BackendError, Device, DeviceKind, Machine};
use loadmaster_supervise::{Spec, Supervisor};

/// The program's name on this platform.
const PROGRAM: &str = if cfg!(windows) { "llama-server.exe" } else { "llama-server" };

/// A build answers `--list-devices` in a tenth of a second; a driver that hangs never does.
const LIST_DEADLINE: Duration = Duration::from_secs(20);

/// A device as the server names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerDevice {
    /// `Vulkan0`, `CUDA1`: what `--device` takes.
    pub(crate) name: String,
    /// What the driver calls it.
    pub(crate) description: String,
}

/// The server to start: the configured one, or the first on the search path.
pub(crate) fn locate(configured: Option<&Path>, context: &BackendContext) -> Result<PathBuf, BackendError> {
    let missing = |looked_at: Option<&Path>| {
        BackendError::ServerMissing {
        program: "llama-server",
        looked_at: looked_at.map(Path::to_owned),
        remedy: match looked_at {
            Some(_) => "Correct the path given by --llama-server, LOADMASTER_LLAMA_SERVER or the configuration.".into(),
            None => "Install one with `loadmaster binaries install llama`, or name the program with --llama-server PATH.".into(),
        },
    }
    };
    if let Some(path) = configured {
        // A folder is taken as where the build was unpacked to.
        let program = if path.is_dir() { path.join(PROGRAM) } else { path.to_owned() };
        return if program.is_file() { Ok(program) } else { Err(missing(Some(path))) };
    }
    context.find_program(PROGRAM).ok_or_else(|| missing(None))
}

/// The devices of a machine that somebody made up, each by the name that a server would have for it: what a
/// device can do is told by that. One that is only named has the name that it was given.
pub(crate) fn assumed_devices(machine: &Machine) -> Vec<ServerDevice> {
    let gpus = machine.devices.iter().filter(|device| device.kind != DeviceKind::Host);
    gpus.map(|gpu| ServerDevice { name: assumed_name(gpu), description: gpu.name.clone() }).collect()
}

/// CUDA where NVIDIA's driver knows the device, else Vulkan.
fn assumed_name(gpu: &Device) -> String {
    let numbered = |driver: &str, server: &str| {
        let number = gpu.aliases.iter().find_map(|alias| alias.strip_prefix(driver)?.strip_prefix(':'));
        number.map(|number| format!("{server}{number}"))
    };
    numbered("nvml", "CUDA").or_else(|| numbered("vulkan", "Vulkan")).unwrap_or_else(|| gpu.id.to_string())
}

/// Asks a build which devices it can use.
pub(crate) async fn list_devices(
    server: &Path,
    supervisor: &Supervisor,
) -> Result<Vec<ServerDevice>, BackendError> {
    let failed =
        |cause: String| BackendError::system(format!("asking {} for its devices", server.display()), cause);
    let spec = Spec::new(server).arg("--list-devices");
    let child = supervisor.spawn(spec).await.map_err(|error| failed(error.to_string()))?;
    let Ok(exit) = tokio::time::timeout(LIST_DEADLINE, child.exit().wait()).await else {
        return Err(failed(format!("it did not answer within {} s", LIST_DEADLINE.as_secs())));
    };
    if !exit.status.success() {
        return Err(failed(exit.status.to_string()));
    }
    Ok(parse_devices(&exit.last_lines))
}

/// Reads lines such as `  Vulkan0: llvmpipe (LLVM 15.0.6, 256 bits) (2048 MiB, 2048 MiB free)`.
fn parse_devices(lines: &[String]) -> Vec<ServerDevice> {
    let listed = lines.iter().skip_while(|line| !line.starts_with("Available devices"));
    let parse = |line: &String| {
        let (name, rest) = line.trim().split_once(": ")?;
        let description = rest.rsplit_once(" (").map_or(rest, |(description, _memory)| description);
        Some(ServerDevice { name: name.to_owned(), description: description.to_owned() })
    };
    listed.skip(1).filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use loadmaster_core::DeviceId;

    use super::*;

    #[test]
    fn reads_the_device_list() {
        let lines = [
            "ggml_vulkan: Found 1 Vulkan devices:",
            "Available devices:",
            "  Vulkan0: llvmpipe (LLVM 15.0.6, 256 bits) (2048 MiB, 2048 MiB free)",
            "  CUDA0: NVIDIA H100 80GB HBM3 (81559 MiB, 80990 MiB free)",
        ];
        let devices = parse_devices(&lines.map(str::to_owned));
        let found: Vec<_> = devices.iter().map(|d| (d.name.as_str(), d.description.as_str())).collect();
        assert_eq!(
            found,
            [("Vulkan0", "llvmpipe (LLVM 15.0.6, 256 bits)"), ("CUDA0", "NVIDIA H100 80GB HBM3")]
        );
        assert_eq!(parse_devices(&["Available devices:", "  (none)"].map(str::to_owned)), []);
    }

    #[test]
    fn devices_have_the_names_that_a_server_would_give_them() {
        let gpu = |aliases: &[&str]| Device {
            id: DeviceId::from("gpu0"),
            name: "A GPU".to_owned(),
            kind: DeviceKind::Discrete,
            aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
            total: 0,
            free: None,
        };
        assert_eq!(assumed_name(&gpu(&["vulkan:1", "nvml:0"])), "CUDA0");
        assert_eq!(assumed_name(&gpu(&["vulkan:1"])), "Vulkan1");
        assert_eq!(assumed_name(&gpu(&[])), "gpu0");
    }

    #[test]
    fn a_missing_server_says_where_it_was_looked_for() {
        let error = locate(Some(Path::new("/nowhere/llama-server")), &BackendContext::default()).unwrap_err();
        assert_eq!(error.to_string(), "No llama-server was found at /nowhere/llama-server");
        let context =
            BackendContext { search_path: Some("/nowhere:relative:".into()), ..BackendContext::default() };
        let error = locate(None, &context).unwrap_err();
        assert_eq!(error.to_string(), "No llama-server was found");
    }
}
