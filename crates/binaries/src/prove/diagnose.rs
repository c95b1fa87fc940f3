//! From how a program ended, and what it said, to why: pure functions.

use loadmaster_supervise::{Exit, ExitStatus, SuperviseError};

use super::fault::Fault;

/// `STATUS_DLL_NOT_FOUND`, `STATUS_ENTRYPOINT_NOT_FOUND`, `STATUS_ILLEGAL_INSTRUCTION` (ntstatus.h).
const DLL_NOT_FOUND: u32 = 0xC000_0135;
const ENTRY_POINT_NOT_FOUND: u32 = 0xC000_0139;
const ILLEGAL_INSTRUCTION: u32 = 0xC000_001D;

/// What the driver's own library is called: it is never part of a build.
const DRIVERS: &[&str] = &["libcuda.so", "nvcuda.dll", "libnvidia", "amdhip64"];

/// What CUDA, HIP and Vulkan say when the driver does not do. Only looked for where a run has failed.
const DRIVER_WORDS: &[&str] = &[
    "driver version is insufficient",
    "failed to initialize cuda",
    "failed to initialize rocm",
    "no cuda-capable device",
    "no kernel image is available",
    "cuda error",
    "rocm error",
    "erroroutofdate",
    "errorincompatibledriver",
    "errorinitializationfailed",
    "errordevicelost",
    "errorextensionnotpresent",
    "errorfeaturenotpresent",
    "unsupported toolchain",
];

const MEMORY_WORDS: &[&str] =
    &["out of memory", "erroroutofdevicememory", "erroroutofhostmemory", "failed to allocate"];

/// Why a program was not started.
pub(super) fn of_start(error: &SuperviseError) -> Fault {
    let cause = match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    match error {
        SuperviseError::NotFound { program } => Fault::NoProgram { name: program.display().to_string() },
        SuperviseError::NoLoader { .. } => {
            // Builds for glibc on a system with another C library have no loader there.
            Fault::MissingLibrary { library: Some("the dynamic loader that it asks for".to_owned()) }
        }
        SuperviseError::NotExecutable { .. } => Fault::NotExecutable { cause },
        _ => Fault::NotProven { cause },
    }
}

/// Why a program ended that should not have, or not so.
pub(super) fn of_exit(exit: &Exit) -> Fault {
    let lines = &exit.last_lines;
    if let Some(fault) = lines.iter().find_map(|line| library(line)) {
        return fault;
    }
    match exit.status {
        ExitStatus::Signal { name: "SIGILL", .. } => return Fault::IllegalInstruction,
        ExitStatus::Code(code) if code.cast_unsigned() == ILLEGAL_INSTRUCTION => {
            return Fault::IllegalInstruction;
        }
        ExitStatus::Code(code) if code.cast_unsigned() == DLL_NOT_FOUND => {
            return Fault::MissingLibrary { library: None };
        }
        ExitStatus::Code(code) if code.cast_unsigned() == ENTRY_POINT_NOT_FOUND => {
            return Fault::OldLibrary {
                library: "a DLL".to_owned(),
                needs: "an entry point that it lacks".to_owned(),
            };
        }
        _ => {}
    }
    let with = |words: &[&str]| {
        let has = |line: &&String| words.iter().any(|word| line.to_lowercase().contains(word));
        lines.iter().find(has).map(|line| line.trim().to_owned())
    };
    if let Some(cause) = with(MEMORY_WORDS) {
        return Fault::OutOfMemory { cause };
    }
    if let Some(cause) = with(DRIVER_WORDS) {
        return Fault::Driver { cause };
    }
    let how = exit.status.to_string();
    let said = lines.iter().rev().find(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned());
    let said = said.unwrap_or_default();
    if exit.status.crashed() { Fault::Crashed { how, said } } else { Fault::Failed { how, said } }
}

/// What the dynamic loaders of Linux and macOS say of libraries.
fn library(line: &str) -> Option<Fault> {
    // glibc: PROGRAM: error while loading shared libraries: libgomp.so.1: cannot open shared object file: ...
    if let Some((_, rest)) = line.split_once("error while loading shared libraries: ") {
        return Some(missing(rest.split(':').next().unwrap_or(rest)));
    }
    // glibc: PROGRAM: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by PROGRAM)
    if let Some((before, rest)) = line.split_once(": version `")
        && let Some((needs, _)) = rest.split_once("' not found")
    {
        return Some(Fault::OldLibrary { library: file_name(before).to_owned(), needs: needs.to_owned() });
    }
    // musl: Error loading shared library libgomp.so.1: No such file or directory (needed by PROGRAM)
    if let Some((_, rest)) = line.split_once("Error loading shared library ") {
        return Some(missing(rest.split(':').next().unwrap_or(rest)));
    }
    // macOS: dyld[123]: Library not loaded: @rpath/libggml.dylib
    if let Some((_, rest)) = line.split_once("Library not loaded: ") {
        return Some(missing(file_name(rest)));
    }
    // macOS: dyld[123]: Symbol not found: _name ... (built for newer OS)
    if let Some((_, rest)) = line.split_once("dyld").filter(|_| line.contains("Symbol not found: ")) {
        let needs = rest.split_once("Symbol not found: ").map_or(rest, |(_, symbol)| symbol);
        return Some(Fault::OldLibrary {
            library: "a library of the system".to_owned(),
            needs: needs.trim().to_owned(),
        });
    }
    None
}

fn missing(library: &str) -> Fault {
    let library = file_name(library).to_owned();
    if DRIVERS.iter().any(|driver| library.starts_with(driver)) {
        return Fault::Driver { cause: format!("its library {library} is not installed") };
    }
    Fault::MissingLibrary { library: Some(library) }
}

fn file_name(path: &str) -> &str {
    let path = path.trim();
    path.rsplit(['/', ' ']).find(|part| !part.is_empty()).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(status: ExitStatus, lines: &[&str]) -> Fault {
        let last_lines = lines.iter().map(|line| (*line).to_owned()).collect();
        of_exit(&Exit { status, last_lines, asked: false })
    }

    #[test]
    fn loaders_name_the_library_that_is_missing() {
        let missing = |library: &str| Fault::MissingLibrary { library: Some(library.to_owned()) };
        let code = ExitStatus::Code(127);
        for (line, fault) in [
            (
                "./llama-server: error while loading shared libraries: libgomp.so.1: cannot open shared object file: No such file or directory",
                missing("libgomp.so.1"),
            ),
            (
                "Error loading shared library libstdc++.so.6: No such file or directory (needed by ./llama-server)",
                missing("libstdc++.so.6"),
            ),
            ("dyld[501]: Library not loaded: @rpath/libggml.dylib", missing("libggml.dylib")),
            (
                "./llama-server: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by ./llama-server)",
                Fault::OldLibrary { library: "libc.so.6".to_owned(), needs: "GLIBC_2.38".to_owned() },
            ),
            (
                "./llama-server: error while loading shared libraries: libcuda.so.1: cannot open shared object file: No such file or directory",
                Fault::Driver { cause: "its library libcuda.so.1 is not installed".to_owned() },
            ),
        ] {
            assert_eq!(ended(code, &["before", line]), fault, "{line}");
        }
    }

    #[test]
    fn ends_have_their_reasons() {
        let signal = |number, name| ExitStatus::Signal { number, name, core_dumped: false };
        assert_eq!(ended(signal(4, "SIGILL"), &["x"]), Fault::IllegalInstruction);
        let windows = |code: u32| ExitStatus::Code(code.cast_signed());
        assert_eq!(ended(windows(ILLEGAL_INSTRUCTION), &[]), Fault::IllegalInstruction);
        assert_eq!(ended(windows(DLL_NOT_FOUND), &[]), Fault::MissingLibrary { library: None });
        assert!(matches!(ended(windows(ENTRY_POINT_NOT_FOUND), &[]), Fault::OldLibrary { .. }));
        let said = "CUDA error: CUDA driver version is insufficient for CUDA runtime version";
        assert_eq!(ended(signal(6, "SIGABRT"), &[said, "x"]), Fault::Driver { cause: said.to_owned() });
        let said = "ggml_vulkan: Device memory allocation failed: vk::Device::allocateMemory: ErrorOutOfDeviceMemory";
        assert_eq!(ended(ExitStatus::Code(1), &[said]), Fault::OutOfMemory { cause: said.to_owned() });
        let fault = ended(signal(11, "SIGSEGV"), &["loading", " "]);
        assert_eq!(fault, Fault::Crashed { how: "killed by SIGSEGV".to_owned(), said: "loading".to_owned() });
        let fault = ended(ExitStatus::Code(3), &[]);
        assert_eq!(fault, Fault::Failed { how: "exit code 3".to_owned(), said: String::new() });
    }
}
