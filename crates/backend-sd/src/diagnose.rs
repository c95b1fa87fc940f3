//! From a dead program to a typed reason. What it printed decides: `sd-server` ends with 0 when it cannot bind, and
//! `sd-cli` with 1 for all else.

use loadmaster_core::{Failure, FailureReason, Remedy};
use loadmaster_images::{ErrorCode, ImageError};
use loadmaster_supervise::{Exit, ExitStatus};

/// Why a program ended, by its status and its last lines.
pub(crate) fn diagnose(exit: &Exit) -> Failure {
    if exit.asked {
        return Failure::new(FailureReason::Stopped);
    }
    let told = exit.last_lines.iter().find_map(|line| Some((reason_in(line)?, line)));
    let (reason, detail) = match (exit.status, told) {
        (ExitStatus::Signal { name: "SIGILL", .. }, _) => (FailureReason::IllegalInstruction, None),
        (ExitStatus::Signal { name, .. }, None) => (FailureReason::Signal { name: name.to_owned() }, None),
        (_, Some((reason, line))) => (reason, Some(plain(line).to_owned())),
        (ExitStatus::Code(0), None) => (FailureReason::AddressInUse, None),
        (ExitStatus::Code(127 | -1_073_741_515), None) => (FailureReason::MissingLibrary { name: None }, None),
        (ExitStatus::Code(-1_073_741_795), None) => (FailureReason::IllegalInstruction, None),
        (ExitStatus::Code(code), None) => (FailureReason::Exited { code }, last_error(&exit.last_lines)),
        (_, None) => (FailureReason::Unknown, last_error(&exit.last_lines)),
    };
    Failure { reason, detail, last_lines: exit.last_lines.clone() }
}

/// The class that one line tells. Only what is certain: `new_sd_ctx_t failed` follows every cause.
fn reason_in(line: &str) -> Option<FailureReason> {
    let lower = line.to_ascii_lowercase();
    let has = |texts: &[&str]| texts.iter().any(|text| lower.contains(text));
    if is_out_of_memory(&lower) {
        return Some(FailureReason::OutOfMemory { device: None });
    }
    if has(&["error while loading shared libraries", "image not found", "library not loaded"]) {
        let name = line.split(": ").find(|part| part.contains(".so") || part.contains(".dylib"));
        return Some(FailureReason::MissingLibrary { name: name.map(str::to_owned) });
    }
    // `--help` itself is answered so: it is not asked for here.
    if has(&["unknown argument", "invalid parameter for argument", "missing value for argument"]) {
        let flag = line.rsplit_once("argument").map(|(_, flag)| flag.trim_matches([':', ' ']).to_owned());
        return Some(FailureReason::BadFlag { flag });
    }
    if has(&["get sd version from file failed"]) {
        return Some(FailureReason::UnsupportedArchitecture { name: None });
    }
    if has(&[
        "init model loader from file failed",
        "read tensor data failed",
        "not in model file",
        "has wrong shape",
        "load tensors from model loader failed",
        "load tensors from file failed",
    ]) {
        return Some(FailureReason::BadModel);
    }
    if has(&["device lost", "errordevicelost", "cuda error", "rocm error", "driver version is insufficient"]) {
        return Some(FailureReason::Driver);
    }
    None
}

/// Whether a line in lower case says that memory ran out.
fn is_out_of_memory(lower: &str) -> bool {
    [
        "insufficient memory",
        "out of memory",
        "erroroutofdevicememory",
        "erroroutofhostmemory",
        "failed to allocate",
        "unable to allocate",
        "bad_alloc",
    ]
    .iter()
    .any(|text| lower.contains(text))
}

/// The last line that the program marked as an error.
fn last_error(lines: &[String]) -> Option<String> {
    lines.iter().rev().find(|line| line.starts_with("[ERROR]")).map(|line| plain(line).to_owned())
}

/// The line without its level and its place in the source.
fn plain(line: &str) -> &str {
    line.strip_prefix('[').and_then(|rest| rest.split_once(" - ")).map_or(line, |(_, text)| text).trim()
}

/// Why there is no image, by the end of the program that painted it.
pub(crate) fn of_exit(exit: &Exit, program: &str) -> ImageError {
    let failure = diagnose(exit);
    match &failure.reason {
        FailureReason::OutOfMemory { .. } => out_of_memory(failure.detail.as_deref()),
        _ if exit.last_lines.iter().any(|line| line.contains("No space left on device")) => disk_full(),
        FailureReason::Signal { .. } | FailureReason::IllegalInstruction | FailureReason::Stopped => {
            let message = format!("{program} ended while it painted: {}", exit.status);
            let remedy = "Check that no part of the model is missing or damaged; the next request starts it again.";
            ImageError::new(ErrorCode::ServerCrashed, message, remedy)
        }
        _ if exit.status.crashed() => {
            let message = format!("{program} ended while it painted: {}", exit.status);
            ImageError::new(ErrorCode::ServerCrashed, message, failure.remedy())
        }
        _ => failed(&format!("{program} failed: {failure}"), &failure.remedy()),
    }
}

/// Why there is no image, by what the server says and printed of a job.
pub(crate) fn of_job(message: &str, lines: &[String]) -> ImageError {
    match lines.iter().find(|line| is_out_of_memory(&line.to_ascii_lowercase())) {
        Some(line) => out_of_memory(Some(plain(line))),
        None => {
            let detail = last_error(lines).map(|line| format!(" ({line})")).unwrap_or_default();
            failed(&format!("sd-server failed: {message}{detail}"), "Look at the server's log.")
        }
    }
}

fn out_of_memory(detail: Option<&str>) -> ImageError {
    let detail = detail.map(|detail| format!(": {detail}")).unwrap_or_default();
    let remedy = "Ask for a smaller image, turn flash_attention or vae_tiling on, or stop what else uses the memory.";
    ImageError::new(ErrorCode::OutOfMemory, format!("Memory ran out while it painted{detail}"), remedy)
}

pub(crate) fn disk_full() -> ImageError {
    let message = "The image could not be written whole: the disk is full";
    ImageError::new(ErrorCode::DiskFull, message, "Make room on the disk of Loadmaster's state folder, then ask again.")
}

pub(crate) fn failed(message: &str, remedy: &str) -> ImageError {
    ImageError::new(ErrorCode::GenerationFailed, message, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: ExitStatus, lines: &[&str], reason: FailureReason) {
        let exit = Exit { status, last_lines: lines.iter().map(|&line| line.to_owned()).collect(), asked: false };
        assert_eq!(diagnose(&exit).reason, reason, "{lines:?}");
    }

    /// What both programs printed for each cause.
    #[test]
    fn tells_causes_apart() {
        let one = ExitStatus::Code(1);
        check(one, &["[ERROR] stable-diffusion.cpp:214  - init model loader from file failed: '/m/x'"], FailureReason::BadModel);
        check(one, &["[ERROR] stable-diffusion.cpp:300  - get sd version from file failed: '/m/x'"], FailureReason::UnsupportedArchitecture { name: None });
        check(one, &["[ERROR] model.cpp:1 - tensor 'text_encoders.llm.x' not in model file"], FailureReason::BadModel);
        check(
            one,
            &["[ERROR] ggml_extend.hpp:1900 - flux: failed to allocate the compute buffer"],
            FailureReason::OutOfMemory { device: None },
        );
        check(ExitStatus::Code(0), &["[INFO ] main.cpp:148  - listening on: 127.0.0.1:1"], FailureReason::AddressInUse);
        let segv = ExitStatus::Signal { number: 11, name: "SIGSEGV", core_dumped: false };
        check(segv, &[], FailureReason::Signal { name: "SIGSEGV".into() });
    }

    #[test]
    fn deaths_are_typed_for_whoever_waits() {
        let status = ExitStatus::Signal { number: 11, name: "SIGSEGV", core_dumped: false };
        let crash = Exit { status, last_lines: Vec::new(), asked: false };
        assert_eq!(of_exit(&crash, "sd-cli").code, ErrorCode::ServerCrashed);
        let lines = ["ggml_aligned_malloc: insufficient memory (attempted to allocate 9324289.90 MB)".to_owned()];
        assert_eq!(of_job("generate_image returned no results", &lines).code, ErrorCode::OutOfMemory);
        assert_eq!(of_job("generate_image returned no results", &[]).code, ErrorCode::GenerationFailed);
    }
}
