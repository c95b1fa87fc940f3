//! From a dead server to a typed reason. It exits with 1 whatever happened, so what it printed decides.

use loadmaster_core::{Failure, FailureReason};
use loadmaster_supervise::{Exit, ExitStatus};

/// Why the server ended, by its status and its last lines.
pub(crate) fn diagnose(exit: &Exit) -> Failure {
    if exit.asked {
        return Failure::new(FailureReason::Stopped);
    }
    let told = exit.last_lines.iter().find_map(|line| Some((reason_in(line)?, line)));
    let (reason, detail) = match (exit.status, told) {
        (ExitStatus::Signal { name: "SIGILL", .. }, _) => (FailureReason::IllegalInstruction, None),
        (_, Some((reason, line))) => (reason, Some(plain(line).to_owned())),
        (ExitStatus::Signal { name, .. }, None) => (FailureReason::Signal { name: name.to_owned() }, None),
        (ExitStatus::Code(code), None) => (reason_of_code(code), last_error(&exit.last_lines)),
        (_, None) => (FailureReason::Unknown, last_error(&exit.last_lines)),
    };
    Failure { reason, detail, last_lines: exit.last_lines.clone() }
}

/// The class that one line tells. Only what is certain: `failed to load model` follows every cause.
fn reason_in(line: &str) -> Option<FailureReason> {
    let lower = line.to_ascii_lowercase();
    let has = |texts: &[&str]| texts.iter().any(|text| lower.contains(text));
    if has(&["invalid argument:"]) {
        let flag = line.split_once("invalid argument:").map(|(_, flag)| flag.trim().to_owned());
        return Some(FailureReason::BadFlag { flag });
    }
    if has(&["error while handling argument", "expected value for argument"]) {
        return Some(FailureReason::BadFlag { flag: quoted(line, '"').map(str::to_owned) });
    }
    if has(&["unknown model architecture"]) {
        return Some(FailureReason::UnsupportedArchitecture { name: quoted(line, '\'').map(str::to_owned) });
    }
    if has(&["error while loading shared libraries", "image not found", "library not loaded"]) {
        let name = line.split(": ").find(|part| part.contains(".so") || part.contains(".dylib"));
        return Some(FailureReason::MissingLibrary { name: name.map(str::to_owned) });
    }
    if has(&[
        "out of memory",
        "erroroutofdevicememory",
        "erroroutofhostmemory",
        "failed to allocate",
        "unable to allocate",
        "bad_alloc",
    ]) {
        return Some(FailureReason::OutOfMemory { device: device_in(line) });
    }
    if has(&["couldn't bind"]) {
        return Some(FailureReason::AddressInUse);
    }
    if has(&[
        "invalid magic",
        "corrupted or incomplete",
        "failed to read key-value pairs",
        "failed to read tensor info",
        "gguf_init_from_reader",
        "failed to open gguf file",
        "missing tensor",
        "wrong number of tensors",
    ]) {
        return Some(FailureReason::BadModel);
    }
    has(&["device lost", "errordevicelost", "cuda error", "rocm error", "driver version is insufficient"])
        .then_some(FailureReason::Driver)
}

/// Exit codes that mean something before `main` runs: the Unix loader's, and Windows' NTSTATUS values.
fn reason_of_code(code: i32) -> FailureReason {
    match code {
        // 127 is the Unix loader's; then STATUS_DLL_NOT_FOUND, STATUS_ENTRYPOINT_NOT_FOUND,
        // STATUS_DLL_INIT_FAILED.
        127 | -1_073_741_515 | -1_073_741_511 | -1_073_741_502 => {
            FailureReason::MissingLibrary { name: None }
        }
        // STATUS_ILLEGAL_INSTRUCTION.
        -1_073_741_795 => FailureReason::IllegalInstruction,
        code => FailureReason::Exited { code },
    }
}

fn quoted(line: &str, mark: char) -> Option<&str> {
    line.split(mark).nth(1).filter(|text| !text.is_empty())
}

/// `CUDA0`, `Vulkan1`, `ROCm0`, `Metal`: the device that an allocation failed on, when the line names it.
fn device_in(line: &str) -> Option<String> {
    let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let mut devices = words.filter(|word| {
        let bare = word.trim_end_matches(|c: char| c.is_ascii_digit());
        bare.len() < word.len() && matches!(bare, "CUDA" | "Vulkan" | "ROCm" | "SYCL" | "Metal" | "MTL")
    });
    devices.next().map(str::to_owned)
}

/// The last line that the server marked as an error.
fn last_error(lines: &[String]) -> Option<String> {
    let marked = |line: &&String| line.contains(" E ") || line.to_ascii_lowercase().starts_with("error");
    lines.iter().rev().find(marked).or(lines.last()).map(|line| plain(line).to_owned())
}

/// The line without the server's time stamp and level (`0.00.006.731 E `).
fn plain(line: &str) -> &str {
    let mut parts = line.splitn(3, ' ');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(time), Some(level), Some(text))
            if level.len() == 1 && time.starts_with(|c: char| c.is_ascii_digit()) && time.contains('.') =>
        {
            text.trim()
        }
        _ => line.trim(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: ExitStatus, lines: &[&str], reason: FailureReason, detail: Option<&str>) {
        let exit =
            Exit { status, last_lines: lines.iter().map(|&line| line.to_owned()).collect(), asked: false };
        let failure = diagnose(&exit);
        assert_eq!((failure.reason, failure.detail.as_deref()), (reason, detail), "{lines:?}");
    }

    /// What llama-server b10434 printed for each cause.
    #[test]
    fn tells_causes_apart() {
        let one = ExitStatus::Code(1);
        check(
            one,
            &["error: invalid argument: --nonsense"],
            FailureReason::BadFlag { flag: Some("--nonsense".into()) },
            Some("error: invalid argument: --nonsense"),
        );
        check(
            one,
            &["error while handling argument \"-ctk\": Unsupported cache type: q9", "", "usage:"],
            FailureReason::BadFlag { flag: Some("-ctk".into()) },
            Some("error while handling argument \"-ctk\": Unsupported cache type: q9"),
        );
        check(
            one,
            &[
                "0.00.005.111 E gguf_init_from_reader: invalid magic characters: 'root', expected 'GGUF'",
                "0.00.005.593 E srv  llama_server: exiting due to model loading error",
            ],
            FailureReason::BadModel,
            Some("gguf_init_from_reader: invalid magic characters: 'root', expected 'GGUF'"),
        );
        check(
            one,
            &[
                "0.00.1 E llama_model_load: error loading model: error loading model architecture: unknown model architecture: 'newest'",
            ],
            FailureReason::UnsupportedArchitecture { name: Some("newest".into()) },
            Some(
                "llama_model_load: error loading model: error loading model architecture: unknown model architecture: 'newest'",
            ),
        );
        check(
            one,
            &["0.00.2 E alloc_tensor_range: failed to allocate CUDA0 buffer of size 4013719552"],
            FailureReason::OutOfMemory { device: Some("CUDA0".into()) },
            Some("alloc_tensor_range: failed to allocate CUDA0 buffer of size 4013719552"),
        );
        check(
            one,
            &[
                "0.00.216.974 E llama_init_from_model: failed to initialize the context: failed to allocate buffer for kv cache",
            ],
            FailureReason::OutOfMemory { device: None },
            Some(
                "llama_init_from_model: failed to initialize the context: failed to allocate buffer for kv cache",
            ),
        );
        check(
            ExitStatus::Code(127),
            &[
                "/b/llama-server: error while loading shared libraries: libvulkan.so.1: cannot open shared object file",
            ],
            FailureReason::MissingLibrary { name: Some("libvulkan.so.1".into()) },
            Some(
                "/b/llama-server: error while loading shared libraries: libvulkan.so.1: cannot open shared object file",
            ),
        );
    }

    #[test]
    fn a_server_that_we_ended_was_stopped_however_it_ended() {
        let status = ExitStatus::Signal { number: 9, name: "SIGKILL", core_dumped: false };
        let exit = Exit { status, last_lines: vec!["error: out of memory".to_owned()], asked: true };
        assert_eq!(diagnose(&exit), Failure::new(FailureReason::Stopped));
    }

    #[test]
    fn what_is_unknown_keeps_its_status_and_last_error() {
        let signal = |number, name| ExitStatus::Signal { number, name, core_dumped: false };
        check(
            signal(9, "SIGKILL"),
            &["slot 0 works"],
            FailureReason::Signal { name: "SIGKILL".into() },
            None,
        );
        check(signal(4, "SIGILL"), &[], FailureReason::IllegalInstruction, None);
        check(
            ExitStatus::Code(3),
            &["0.0.1 E srv it went wrong", "0.0.2 I srv cleaning up before exit..."],
            FailureReason::Exited { code: 3 },
            Some("srv it went wrong"),
        );
    }
}
