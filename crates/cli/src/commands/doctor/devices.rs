//! Whether this user may use the machine's graphics cards.

use std::path::PathBuf;

use super::Check;

/// Files of cards through which programs compute, which are there and may not be opened.
#[cfg(target_os = "linux")]
fn forbidden() -> Vec<PathBuf> {
    use std::{
        fs::{self, File},
        io::ErrorKind,
    };
    let cards = fs::read_dir("/dev/dri").into_iter().flatten().flatten().map(|entry| entry.path());
    let render = cards.filter(|path| path.to_string_lossy().contains("/renderD"));
    // AMD's ROCm, and NVIDIA's own driver.
    let others = ["/dev/kfd", "/dev/nvidiactl"].map(PathBuf::from);
    let refused = |path: &PathBuf| {
        let opened = File::options().read(true).write(true).open(path);
        opened.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
    };
    let mut refused: Vec<PathBuf> = render.chain(others).filter(refused).collect();
    refused.sort();
    refused
}

/// Elsewhere cards have no files.
#[cfg(not(target_os = "linux"))]
fn forbidden() -> Vec<PathBuf> {
    Vec::new()
}

pub(super) fn checks() -> Vec<Check> {
    told(&forbidden()).into_iter().collect()
}

fn told(forbidden: &[PathBuf]) -> Option<Check> {
    if forbidden.is_empty() {
        return None;
    }
    let files: Vec<String> = forbidden.iter().map(|path| path.display().to_string()).collect();
    let remedy =
        "Add yourself to the group that owns them (`sudo usermod -aG render $USER`), and log in again.";
    let found = format!("this user may not open {}: its card is not used", files.join(", "));
    Some(Check::note("permissions", found, Some(remedy.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::State;

    #[test]
    fn a_card_that_may_not_be_used_is_named() {
        assert_eq!(told(&[]), None);
        let check = told(&["/dev/dri/renderD128".into(), "/dev/kfd".into()]).unwrap();
        assert_eq!(check.state, State::Note);
        assert!(check.found.contains("/dev/dri/renderD128, /dev/kfd"), "{}", check.found);
    }
}
