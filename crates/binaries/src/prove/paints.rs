//! Phase 2 of stable-diffusion.cpp: `sd-cli` paints a picture on the device the build is for.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Prover, Worked, device, diagnose,
    fault::Fault,
    picture,
    starts::run,
    tiny_painter::{DECODER, MODEL, write_tiny_painter},
};
use crate::catalog::Variant;

/// A build paints in a second. CUDA and Vulkan compile for a card they have not met before, which takes up to
/// some minutes.
const DEADLINE: Duration = Duration::from_mins(5);

/// Width and height of the picture: the smallest that all builds take.
const SIDE: u32 = 64;

/// With `-v` it says some hundred lines, a few for each step.
const LINES: usize = 4000;

/// Where the picture goes, below a folder of its own.
const PICTURE: &str = "picture.png";

/// Paints with the build of which `program` is one. `None`: it has a server alone, which is not tried.
pub(super) async fn paints(
    prover: &Prover,
    program: &Path,
    variant: Variant,
) -> Result<Option<Worked>, Fault> {
    let Some(painter) = painter(program) else { return Ok(None) };
    let not_proven = |error: std::io::Error| Fault::NotProven { cause: error.to_string() };
    let folder = tempfile::tempdir().map_err(not_proven)?;
    write_tiny_painter(folder.path()).map_err(not_proven)?;
    let side = SIDE.to_string();
    let spec = prover
        .spec(&painter)
        .cwd(folder.path())
        .ring_lines(LINES)
        // Threads that wait for each other shall not keep the machine busy.
        .env("OMP_WAIT_POLICY", "passive")
        .args(["-m", MODEL, "--tae", DECODER, "-o", PICTURE, "-v"])
        // Without guidance (scale 1) the text is read once.
        .args(["-p", "proof", "-W", &side, "-H", &side, "--steps", "1", "--cfg-scale", "1", "--seed", "1"]);
    let exit = run(prover, spec, DEADLINE, "painting").await?;
    if !exit.status.success() {
        return Err(diagnose::of_exit(&exit));
    }
    let wrong = |cause: String| Fault::WrongAnswer { cause };
    let file = fs::read(folder.path().join(PICTURE))
        .map_err(|error| wrong(format!("it says that it has painted, and there is no picture: {error}")))?;
    picture::check(&file, SIDE, SIDE).map_err(wrong)?;
    computed_on(variant, &exit.last_lines).map(|device| Some(Worked { device }))
}

/// The program that paints one picture: `program`, or the one beside it.
fn painter(program: &Path) -> Option<PathBuf> {
    let is_server = program.file_stem().is_some_and(|name| name == "sd-server");
    if !is_server {
        return Some(program.to_owned());
    }
    // Older releases call it `sd`.
    let beside = ["sd-cli", "sd"].map(|name| program.with_file_name(super::file_name(name)));
    beside.into_iter().find(|path| path.is_file())
}

/// The device that the log tells of; `None` for the processor.
///
/// ```text
/// [DEBUG] util.cpp:713  - Found 2 backend devices:
/// [DEBUG] util.cpp:716  - #0: Vulkan0
/// [DEBUG] util.cpp:716  - #1: CPU
/// [DEBUG] ggml_extend.hpp:110  - Initializing backend: Vulkan0
/// [DEBUG] ggml_extend.hpp:2580 - flux params backend buffer size =   1.59 MB(VRAM) (41 tensors)
/// ```
fn computed_on(variant: Variant, lines: &[String]) -> Result<Option<String>, Fault> {
    let said: Vec<&str> = lines.iter().filter_map(|line| Some(line.split_once("- ")?.1.trim())).collect();
    let buffers: Vec<&&str> =
        said.iter().filter(|line| line.contains("params backend buffer size")).collect();
    let on_a_card = |line: &&&str| line.contains("(VRAM)");
    if device::prefixes(variant).is_empty() {
        // That it says so of none would be another form of log, in which nothing tells of a card.
        return if buffers.iter().any(on_a_card) {
            Err(Fault::NotOnDevice { device: "the processor".to_owned() })
        } else {
            Ok(None)
        };
    }
    let listed = said.iter().filter(|line| line.starts_with('#')).filter_map(|line| line.split_once(": "));
    let used = said.iter().filter_map(|line| line.strip_prefix("Initializing backend: "));
    let mut seen: Vec<String> = used.chain(listed.map(|(_, name)| name)).map(str::to_owned).collect();
    let device = seen.iter().find(|name| device::is_of(variant, name)).cloned();
    let Some(device) = device else {
        seen.sort();
        seen.dedup();
        return Err(Fault::NoDevice { variant, seen });
    };
    if buffers.is_empty() || !buffers.iter().all(on_a_card) {
        return Err(Fault::NotOnDevice { device });
    }
    Ok(Some(device))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `sd-cli -v` says on a machine with these devices, of which it takes the first.
    fn log(devices: &[&str], memory: &str) -> Vec<String> {
        let mut lines = vec!["[DEBUG] util.cpp:713  - Found some backend devices:".to_owned()];
        for (number, device) in devices.iter().enumerate() {
            lines.push(format!("[DEBUG] util.cpp:716  - #{number}: {device}"));
        }
        lines.push(format!("[DEBUG] ggml_extend.hpp:110  - Initializing backend: {}", devices[0]));
        for part in ["qwen3", "flux", "taesd"] {
            let size = format!("{part} params backend buffer size =   2.47 MB({memory}) (13 tensors)");
            lines.push(format!("[DEBUG] ggml_extend.hpp:2580 - {size}"));
        }
        lines
    }

    #[test]
    fn the_log_tells_on_which_device_it_computed() {
        let vulkan = |lines: &[String]| computed_on(Variant::Vulkan, lines);
        assert_eq!(vulkan(&log(&["Vulkan0", "CPU"], "VRAM")), Ok(Some("Vulkan0".to_owned())));
        let elsewhere = Fault::NotOnDevice { device: "Vulkan0".to_owned() };
        assert_eq!(vulkan(&log(&["Vulkan0", "CPU"], "RAM")), Err(elsewhere.clone()));
        let mut mixed = log(&["Vulkan0", "CPU"], "VRAM");
        mixed.extend(log(&["Vulkan0"], "RAM"));
        assert_eq!(vulkan(&mixed), Err(elsewhere.clone()));
        // What says nothing proves nothing.
        assert_eq!(vulkan(&log(&["Vulkan0"], "VRAM")[..3]), Err(elsewhere));
        let seen = vec!["CPU".to_owned()];
        assert_eq!(vulkan(&log(&["CPU"], "RAM")), Err(Fault::NoDevice { variant: Variant::Vulkan, seen }));
    }

    #[test]
    fn the_processor_is_a_device_too() {
        assert_eq!(computed_on(Variant::Cpu, &log(&["CPU"], "RAM")), Ok(None));
        let elsewhere = Fault::NotOnDevice { device: "the processor".to_owned() };
        assert_eq!(computed_on(Variant::Cpu, &log(&["CUDA0", "CPU"], "VRAM")), Err(elsewhere));
    }
}
