//! Main memory, bounded by what this process is allowed.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sysinfo::{MemoryRefreshKind, System};

use crate::{Error, cgroup};

/// How much main memory there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryFacts {
    /// Bytes the machine has.
    pub physical: u64,
    /// Bytes the control groups of this process allow, where they set a limit.
    pub limit: Option<u64>,
    /// The folder of the control group that sets [`limit`](Self::limit).
    pub limited_by: Option<String>,
}

impl MemoryFacts {
    /// Bytes this process can hope for at most: the smaller of what there is and what is allowed.
    #[must_use]
    pub fn usable(&self) -> u64 {
        self.limit.map_or(self.physical, |limit| limit.min(self.physical))
    }
}

/// How much main memory is available now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryNow {
    /// Bytes, as [`MemoryFacts::usable`].
    pub total: u64,
    /// Bytes that can be taken without swapping, page cache that the kernel gives back included.
    pub available: u64,
}

/// Reads both. `root` stands for `/` when control groups are looked up.
pub(crate) fn read(root: &Path) -> Result<(MemoryFacts, MemoryNow), Error> {
    let mut system = System::new().map_err(|error| Error::System(format!("{error:?}")))?;
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let bound = cgroup::cgroup_bound(&cgroup::cgroup_levels(root));
    Ok(bounded(system.total_memory(), system.available_memory(), bound))
}

fn bounded(physical: u64, available: u64, bound: Option<cgroup::CgroupBound>) -> (MemoryFacts, MemoryNow) {
    let allowed = bound.as_ref().map_or(u64::MAX, |bound| bound.available);
    let facts = MemoryFacts {
        physical,
        limit: bound.as_ref().map(|bound| bound.limit),
        limited_by: bound.map(|bound| bound.limited_by.display().to_string()),
    };
    let total = facts.usable();
    let now = MemoryNow { total, available: available.min(allowed).min(total) };
    (facts, now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CgroupBound;

    fn check(bound: Option<(u64, u64)>, expected: (u64, u64)) {
        let bound = bound.map(|(limit, available)| CgroupBound { limit, limited_by: "/g".into(), available });
        let (_, now) = bounded(1000, 600, bound.clone());
        assert_eq!((now.total, now.available), expected, "{bound:?}");
    }

    #[test]
    fn the_smaller_of_machine_and_group_counts() {
        check(None, (1000, 600));
        check(Some((400, 300)), (400, 300));
        check(Some((800, 700)), (800, 600));
        check(Some((2000, 1900)), (1000, 600));
        check(Some((2000, 100)), (1000, 100));
        check(Some((0, 0)), (0, 0));
    }
}
