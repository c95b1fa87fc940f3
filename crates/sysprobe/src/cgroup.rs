//! How much memory the control groups of this process allow.
//!
//! The limit that counts is the smallest on the way from the process's own group up to the root:
//! a child may name a larger limit than its parent, or none. File formats: the kernel's
//! `Documentation/admin-guide/cgroup-v2.rst` and `cgroup-v1/memory.rst`.

mod proc;

use std::{
    fs,
    path::{Path, PathBuf},
};

use self::proc::{Version, memory_hierarchies};

/// One control group on the way from this process to the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupLevel {
    /// The group's folder.
    pub path: PathBuf,
    /// Bytes its members may use together. `None`: no limit of its own.
    pub limit: Option<u64>,
    /// Bytes its members use, page cache included.
    pub used: u64,
    /// Bytes of [`used`](Self::used) that are page cache nobody touched lately
    /// (`inactive_file`): the kernel takes them back before it refuses anything.
    pub reclaimable: u64,
}

/// What the groups allow together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupBound {
    /// The smallest limit, in bytes.
    pub limit: u64,
    /// The folder of the group that sets it.
    pub limited_by: PathBuf,
    /// Bytes that can still be taken before any group on the way is full.
    pub available: u64,
}

/// The tightest bound that the given groups set, or `None` if none has a limit.
///
/// What is available is decided by the fullest group, which need not be the one with the smallest
/// limit: siblings share their parent's.
#[must_use]
pub fn cgroup_bound(levels: &[CgroupLevel]) -> Option<CgroupBound> {
    let limits = levels.iter().filter_map(|level| Some((level.limit?, level)));
    let (limit, tightest) = limits.clone().min_by_key(|(limit, _)| *limit)?;
    let available = limits
        .map(|(limit, level)| limit.saturating_sub(level.used.saturating_sub(level.reclaimable)))
        .min()?;
    Some(CgroupBound { limit, limited_by: tightest.path.clone(), available })
}

/// The groups that account for the memory of this process, in every hierarchy that does, each
/// with its ancestors.
///
/// `root` stands for `/`: `proc/self/cgroup`, `proc/self/mountinfo` and the mounted hierarchies
/// are looked up below it. Files that are missing mean that there is no limit there.
#[must_use]
pub fn cgroup_levels(root: &Path) -> Vec<CgroupLevel> {
    let read = |name: &str| fs::read_to_string(root.join(name)).unwrap_or_default();
    let groups = read("proc/self/cgroup");
    let mounts = read("proc/self/mountinfo");
    let mut levels = Vec::new();
    for hierarchy in memory_hierarchies(&groups, &mounts) {
        let top = root.join(hierarchy.mount_point.trim_start_matches('/'));
        let own = top.join(hierarchy.group.trim_start_matches('/'));
        for folder in own.ancestors().take_while(|folder| folder.starts_with(&top)) {
            levels.push(read_level(folder, hierarchy.version));
        }
    }
    levels
}

fn read_level(folder: &Path, version: Version) -> CgroupLevel {
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
    let stat = read("memory.stat");
    let (limit, used, reclaimable) = match version {
        // Above `memory.high` the kernel slows the group down until nothing moves any more, so
        // it is as good as a limit.
        Version::V2 => (
            smaller(parse_limit(&read("memory.max")), parse_limit(&read("memory.high"))),
            read("memory.current"),
            parse_stat(&stat, "inactive_file"),
        ),
        // The hierarchical figure includes ancestors that a container does not see.
        Version::V1 => (
            smaller(
                parse_limit(&read("memory.limit_in_bytes")),
                parse_stat(&stat, "hierarchical_memory_limit").and_then(unlimited_is_none),
            ),
            read("memory.usage_in_bytes"),
            parse_stat(&stat, "total_inactive_file"),
        ),
    };
    CgroupLevel {
        path: folder.to_owned(),
        limit,
        used: used.trim().parse().unwrap_or(0),
        reclaimable: reclaimable.unwrap_or(0),
    }
}

fn smaller(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.into_iter().chain(b).min()
}

/// A limit file: bytes, or `max`, or (v1) a number so large that it means none.
fn parse_limit(text: &str) -> Option<u64> {
    text.trim().parse().ok().and_then(unlimited_is_none)
}

/// v1 writes "no limit" as the largest multiple of the page size in an `i64`, which depends on the
/// page size; no machine has half an exbibyte.
fn unlimited_is_none(bytes: u64) -> Option<u64> {
    (bytes < 1 << 59).then_some(bytes)
}

/// The value of one key of `memory.stat`.
fn parse_stat(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(' ')?;
        (name == key).then(|| value.trim().parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_bytes_or_none() {
        let cases = [
            ("1073741824\n", Some(1_073_741_824)),
            ("0\n", Some(0)),
            ("max\n", None),
            ("9223372036854771712\n", None),
            ("9223372036854710272\n", None),
            ("18446744073709551615", None),
            ("", None),
            ("-1", None),
            ("many", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_limit(text), expected, "{text:?}");
        }
    }

    #[test]
    fn stat_is_read_by_whole_keys() {
        let stat = "anon 5\nfile 7\ninactive_file_x 1\ninactive_file 11\ntotal_inactive_file 13\n";
        assert_eq!(parse_stat(stat, "inactive_file"), Some(11));
        assert_eq!(parse_stat(stat, "total_inactive_file"), Some(13));
        assert_eq!(parse_stat(stat, "active_file"), None);
        assert_eq!(parse_stat("inactive_file oops", "inactive_file"), None);
    }

    fn level(path: &str, limit: Option<u64>, used: u64, reclaimable: u64) -> CgroupLevel {
        CgroupLevel { path: path.into(), limit, used, reclaimable }
    }

    #[test]
    fn the_fullest_group_decides_and_the_smallest_limit_is_named() {
        let levels =
            [level("/a/b", Some(100), 10, 0), level("/a", Some(200), 190, 20), level("/", None, 5000, 0)];
        let expected = CgroupBound { limit: 100, limited_by: "/a/b".into(), available: 30 };
        assert_eq!(cgroup_bound(&levels), Some(expected));
        assert_eq!(cgroup_bound(&levels[2..]), None);
        assert_eq!(cgroup_bound(&[]), None);
    }

    #[test]
    fn a_group_over_its_limit_has_nothing_left() {
        let levels = [level("/a", Some(100), 150, 10)];
        assert_eq!(cgroup_bound(&levels).map(|bound| bound.available), Some(0));
        // More reclaimable than used happens, as the files are read one after the other.
        let levels = [level("/a", Some(100), 10, 30)];
        assert_eq!(cgroup_bound(&levels).map(|bound| bound.available), Some(100));
    }
}
