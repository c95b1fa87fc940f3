//! Control groups in made folder trees: v1, v2, nested, hybrid, `max`, missing.

use std::{fs, path::Path};

use loadmaster_sysprobe::{Probe, cgroup_bound, cgroup_levels};

const V2: &str = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
const V1: &str = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
const MIB: u64 = 1 << 20;

/// Writes files, given by path below `root` and content.
pub(crate) fn write_tree(root: &Path, files: &[(&str, &str)]) {
    for (path, content) in files {
        let path = root.join(path);
        let folder = path.parent().expect("a file is in a folder");
        fs::create_dir_all(folder).expect("folders can be made");
        fs::write(path, content).expect("files can be written");
    }
}

/// Limit in MiB, available in MiB, and the folder that limits.
fn check(files: &[(&str, &str)], expected: Option<(u64, u64, &str)>) {
    let root = tempfile::tempdir().expect("a temporary folder can be made");
    write_tree(root.path(), files);
    let found = cgroup_bound(&cgroup_levels(root.path()));
    let found = found.map(|found| {
        let by = found.limited_by.strip_prefix(root.path());
        let by = by.expect("inside the tree").display().to_string();
        (found.limit / MIB, found.available / MIB, by)
    });
    let found = found.as_ref().map(|(limit, free, by)| (*limit, *free, &**by));
    assert_eq!(found, expected, "{files:?}");
}

#[test]
fn no_files_are_no_limit() {
    check(&[], None);
    check(&[("proc/self/cgroup", "0::/a\n")], None);
    check(&[("proc/self/cgroup", "0::/a\n"), ("proc/self/mountinfo", V2)], None);
}

#[test]
fn v2_with_page_cache_given_back() {
    check(
        &[
            ("proc/self/cgroup", "0::/a\n"),
            ("proc/self/mountinfo", V2),
            ("sys/fs/cgroup/a/memory.max", "1073741824\n"),
            ("sys/fs/cgroup/a/memory.high", "max\n"),
            ("sys/fs/cgroup/a/memory.current", "734003200\n"),
            ("sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 314572800\nfile 3\n"),
        ],
        // 1024 - (700 - 300) MiB.
        Some((1024, 624, "sys/fs/cgroup/a")),
    );
}

#[test]
fn v2_nested_the_parent_may_be_tighter_or_fuller() {
    let tree = |child: &'static str, parent: &'static str, parent_use: &'static str| {
        [
            ("proc/self/cgroup", "0::/p/c\n"),
            ("proc/self/mountinfo", V2),
            ("sys/fs/cgroup/p/c/memory.max", child),
            ("sys/fs/cgroup/p/c/memory.current", "104857600\n"),
            ("sys/fs/cgroup/p/memory.max", parent),
            ("sys/fs/cgroup/p/memory.current", parent_use),
        ]
    };
    let (one, two, used) = ("1073741824\n", "2147483648\n", "104857600\n");
    check(&tree(one, two, used), Some((1024, 924, "sys/fs/cgroup/p/c")));
    check(&tree(two, one, used), Some((1024, 924, "sys/fs/cgroup/p")));
    check(&tree("max\n", one, used), Some((1024, 924, "sys/fs/cgroup/p")));
    check(&tree(one, "max\n", used), Some((1024, 924, "sys/fs/cgroup/p/c")));
    check(&tree("max\n", "max\n", used), None);
    // Siblings have filled the parent but for 48 MiB.
    check(&tree(one, two, "2097152000\n"), Some((1024, 48, "sys/fs/cgroup/p/c")));
}

#[test]
fn v2_high_is_as_good_as_a_limit() {
    check(
        &[
            ("proc/self/cgroup", "0::/a\n"),
            ("proc/self/mountinfo", V2),
            ("sys/fs/cgroup/a/memory.max", "2147483648\n"),
            ("sys/fs/cgroup/a/memory.high", "1073741824\n"),
            ("sys/fs/cgroup/a/memory.current", "0\n"),
        ],
        Some((1024, 1024, "sys/fs/cgroup/a")),
    );
}

#[test]
fn v2_container_has_its_limit_at_the_mount_point() {
    check(
        &[
            ("proc/self/cgroup", "0::/\n"),
            ("proc/self/mountinfo", V2),
            ("sys/fs/cgroup/memory.max", "1073741824\n"),
            ("sys/fs/cgroup/memory.current", "1048576\n"),
        ],
        Some((1024, 1023, "sys/fs/cgroup")),
    );
}

#[test]
fn v1_nested_and_its_way_of_writing_no_limit() {
    let none = "9223372036854771712\n";
    check(
        &[
            ("proc/self/cgroup", "9:name=systemd:/\n4:memory:/p/c\n1:cpu:/\n"),
            ("proc/self/mountinfo", V1),
            ("sys/fs/cgroup/memory/p/c/memory.limit_in_bytes", none),
            ("sys/fs/cgroup/memory/p/memory.limit_in_bytes", "1073741824\n"),
            ("sys/fs/cgroup/memory/p/memory.usage_in_bytes", "734003200\n"),
            ("sys/fs/cgroup/memory/p/memory.stat", "inactive_file 1\ntotal_inactive_file 314572800\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", none),
        ],
        Some((1024, 624, "sys/fs/cgroup/memory/p")),
    );
}

#[test]
fn v1_container_learns_of_invisible_parents() {
    check(
        &[
            ("proc/self/cgroup", "4:memory:/docker/1f\n"),
            (
                "proc/self/mountinfo",
                "35 31 0:32 /docker/1f /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
            ),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "0\n"),
            (
                "sys/fs/cgroup/memory/memory.stat",
                "hierarchical_memory_limit 1073741824\ntotal_inactive_file 0\n",
            ),
        ],
        Some((1024, 1024, "sys/fs/cgroup/memory")),
    );
}

#[test]
fn hybrid_counts_whichever_hierarchy_has_memory() {
    let mounts = format!("{V1}41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
    check(
        &[
            ("proc/self/cgroup", "4:memory:/a\n0::/b\n"),
            ("proc/self/mountinfo", &mounts),
            ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1073741824\n"),
            ("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "0\n"),
            ("sys/fs/cgroup/unified/b/cgroup.procs", "1\n"),
        ],
        Some((1024, 1024, "sys/fs/cgroup/memory/a")),
    );
}

#[test]
fn a_group_that_was_removed_still_has_its_parents() {
    check(
        &[
            ("proc/self/cgroup", "0::/p/gone (deleted)\n"),
            ("proc/self/mountinfo", V2),
            ("sys/fs/cgroup/p/memory.max", "1073741824\n"),
            ("sys/fs/cgroup/p/memory.current", "0\n"),
        ],
        Some((1024, 1024, "sys/fs/cgroup/p")),
    );
}

#[test]
fn the_probe_reports_the_group_instead_of_the_machine() {
    let root = tempfile::tempdir().expect("a temporary folder can be made");
    let files = [
        ("proc/self/cgroup", "0::/a\n"),
        ("proc/self/mountinfo", V2),
        ("sys/fs/cgroup/a/memory.max", "67108864\n"),
        ("sys/fs/cgroup/a/memory.current", "50331648\n"),
    ];
    write_tree(root.path(), &files);
    let probe = Probe::in_child("/bin/false", [""; 0]).root(root.path());
    let facts = probe.facts().expect("this machine can be read");
    assert!(facts.memory.physical > 64 * MIB);
    assert_eq!(facts.memory.limit, Some(64 * MIB));
    assert_eq!(facts.memory.usable(), 64 * MIB);
    let by = facts.memory.limited_by.as_deref();
    assert!(by.is_some_and(|by| by.ends_with("sys/fs/cgroup/a")), "{by:?}");

    let now = probe.snapshot(&facts).expect("this machine can be read");
    assert_eq!(now.memory.total, 64 * MIB);
    assert_eq!(now.memory.available, 16 * MIB);
}
