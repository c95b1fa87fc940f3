//! What the kernel counts for a process, by what the pages are: `/proc/PID/smaps`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::bench::machine::kibibytes;

/// The resident memory of a process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Resident {
    /// Pages of the model's file.
    pub(super) model: u64,
    /// Pages of other files: programs and libraries. Processes that map the same file share them.
    pub(super) files: u64,
    /// Pages of no file, which are this process's alone: buffers and heap.
    pub(super) anonymous: u64,
}

impl Resident {
    /// All of it: the resident set size.
    pub(super) fn total(self) -> u64 {
        self.model + self.files + self.anonymous
    }
}

/// What the process `id`, which maps the file `model`, has in memory now.
pub(super) fn resident(id: u32, model: &Path) -> Result<Resident> {
    let path = format!("/proc/{id}/smaps");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let model = model.canonicalize().with_context(|| format!("cannot find {}", model.display()))?;
    Ok(sum(&text, &model.to_string_lossy()))
}

/// Sums up `smaps`, whose mappings each begin with a line of address, rights, offset, device, inode and path.
fn sum(smaps: &str, model: &str) -> Resident {
    let mut resident = Resident::default();
    let mut is_model = false;
    for line in smaps.lines() {
        let bytes = |name: &str| kibibytes(line, name).unwrap_or(0) * 1024;
        if !line.split(' ').next().is_some_and(|word| word.ends_with(':')) {
            is_model = line.ends_with(model);
        }
        let (pages, anonymous) = (bytes("Rss"), bytes("Anonymous"));
        // `Rss` comes first and has the pages that a program changed, too; `Anonymous` takes them out again.
        let file = if is_model { &mut resident.model } else { &mut resident.files };
        *file = (*file + pages).saturating_sub(anonymous);
        resident.anonymous += anonymous;
    }
    resident
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_told_apart() {
        let smaps = "\
55d0-55d1 r-xp 00000000 fe:00 1      /usr/bin/a server
Size:               9000 kB
Rss:                 100 kB
Pss:                  50 kB
Anonymous:             8 kB
7f00-7f01 r--s 00000000 fe:00 2      /models/a model.gguf
Rss:                 700 kB
Anonymous:             0 kB
7f02-7f03 rw-p 00000000 00:00 0
Rss:                  60 kB
Anonymous:            60 kB
7f04-7f05 rw-p 00000000 00:00 0      [heap]
Rss:                   5 kB
Anonymous:             4 kB
";
        let resident = sum(smaps, "/models/a model.gguf");
        let kib = |bytes: u64| bytes / 1024;
        assert_eq!((kib(resident.model), kib(resident.files), kib(resident.anonymous)), (700, 93, 72));
        assert_eq!(kib(resident.total()), 865);
    }
}
