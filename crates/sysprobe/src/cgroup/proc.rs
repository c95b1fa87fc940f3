//! Where the control groups of this process are, from `/proc/self/cgroup` and
//! `/proc/self/mountinfo` (formats: `cgroups(7)` and `proc_pid_mountinfo(5)`).

/// The generation of a hierarchy; the files have different names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

/// A hierarchy that may account for memory, and this process's group in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hierarchy {
    pub(super) version: Version,
    /// Where it is mounted.
    pub(super) mount_point: String,
    /// The group's path below the mount point, `/` for the mount point itself.
    pub(super) group: String,
}

/// The hierarchies that can hold memory limits. On a hybrid machine that is the v1 memory
/// hierarchy and the v2 one, which then has no memory files; reading both needs no guess.
pub(super) fn memory_hierarchies(groups: &str, mounts: &str) -> Vec<Hierarchy> {
    let groups: Vec<_> = groups.lines().filter_map(parse_group).collect();
    let mut found: Vec<Hierarchy> = Vec::new();
    for mount in mounts.lines().filter_map(parse_mount) {
        let Some((_, path)) = groups.iter().find(|(version, _)| *version == mount.version) else {
            continue;
        };
        let hierarchy =
            Hierarchy { version: mount.version, group: below(path, &mount.root), mount_point: mount.place };
        // The same hierarchy may be mounted twice; the first mount says it all.
        if found.iter().all(|known| known.version != hierarchy.version) {
            found.push(hierarchy);
        }
    }
    found
}

/// `4:memory:/a/b` or `0::/a/b`; other controllers are left out.
fn parse_group(line: &str) -> Option<(Version, &str)> {
    let mut fields = line.splitn(3, ':');
    let (id, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    if id == "0" && controllers.is_empty() {
        return Some((Version::V2, path));
    }
    let memory = controllers.split(',').any(|name| name == "memory");
    memory.then_some((Version::V1, path))
}

struct Mount {
    version: Version,
    /// The group that the mount shows as its top.
    root: String,
    /// The mount point.
    place: String,
}

/// `35 31 0:32 /root /mount/point rw shared:1 - cgroup source rw,memory`
fn parse_mount(line: &str) -> Option<Mount> {
    let (tree, kind) = line.split_once(" - ")?;
    let mut tree = tree.split(' ').skip(3);
    let (root, place) = (unescape(tree.next()?), unescape(tree.next()?));
    let mut kind = kind.split(' ');
    let (filesystem, _source, options) = (kind.next()?, kind.next()?, kind.next()?);
    let version = match filesystem {
        "cgroup2" => Version::V2,
        "cgroup" if options.split(',').any(|option| option == "memory") => Version::V1,
        _ => return None,
    };
    Some(Mount { version, root, place })
}

/// The group's path as seen from the mount. A container often mounts its own group as the top
/// while `/proc` still names it by its full path; then the mount point is the group. So it is for
/// a path that leaves the namespace by `..`.
fn below(group: &str, mount_root: &str) -> String {
    let outside = group.split('/').any(|part| part == "..");
    let inner = if mount_root == "/" {
        Some(group)
    } else {
        group.strip_prefix(mount_root).filter(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    match inner {
        Some(rest) if !outside && !rest.is_empty() => rest.to_owned(),
        _ => "/".to_owned(),
    }
}

/// Undoes the octal escapes of mountinfo: space, tab, newline and backslash.
fn unescape(text: &str) -> String {
    text.replace(r"\040", " ").replace(r"\011", "\t").replace(r"\012", "\n").replace(r"\134", r"\")
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2_MOUNT: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate";
    const V1_MOUNT: &str = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory";

    fn check(groups: &str, mounts: &str, expected: &[(Version, &str, &str)]) {
        let found = memory_hierarchies(groups, mounts);
        let found: Vec<_> =
            found.iter().map(|found| (found.version, &*found.mount_point, &*found.group)).collect();
        assert_eq!(found, expected, "{groups:?} {mounts:?}");
    }

    #[test]
    fn finds_the_memory_hierarchies() {
        use Version::{V1, V2};
        let v2 = "/sys/fs/cgroup";
        let v1 = "/sys/fs/cgroup/memory";
        check("0::/a/b\n", V2_MOUNT, &[(V2, v2, "/a/b")]);
        check("0::/\n", V2_MOUNT, &[(V2, v2, "/")]);
        check("4:memory:/x\n1:cpu:/y\n", V1_MOUNT, &[(V1, v1, "/x")]);
        check("4:cpu,memory:/x\n", V1_MOUNT, &[(V1, v1, "/x")]);
        // Hybrid: memory under v1, an empty v2 beside it.
        let both = format!("{V1_MOUNT}\n{V2_MOUNT}\n");
        check("4:memory:/x\n0::/\n", &both, &[(V1, v1, "/x"), (V2, v2, "/")]);
        // A colon in a group's name.
        check("0::/a:b/c\n", V2_MOUNT, &[(V2, v2, "/a:b/c")]);
        // Controllers that only sound alike, mounts that are no groups, nothing at all.
        check("4:memory2:/x\n", V1_MOUNT, &[]);
        check("0::/a\n", "22 1 0:1 / / rw - ext4 /dev/vda rw", &[]);
        check("", "", &[]);
        check("garbage\n1\n1:2\n", "garbage\n1 2 - cgroup2\n", &[]);
    }

    #[test]
    fn a_container_sees_its_own_group_as_the_top() {
        use Version::{V1, V2};
        let v1 = "/sys/fs/cgroup/memory";
        let mounted = "35 31 0:32 /docker/1f /sys/fs/cgroup/memory rw - cgroup c rw,memory";
        check("4:memory:/docker/1f\n", mounted, &[(V1, v1, "/")]);
        check("4:memory:/docker/1f/in\n", mounted, &[(V1, v1, "/in")]);
        check("4:memory:/docker/1f2\n", mounted, &[(V1, v1, "/")]);
        check("0::/../other\n", V2_MOUNT, &[(V2, "/sys/fs/cgroup", "/")]);
    }

    #[test]
    fn escaped_mount_points_are_read() {
        let mount = r"30 23 0:26 / /mnt/my\040groups rw - cgroup2 cgroup2 rw";
        check("0::/a\n", mount, &[(Version::V2, "/mnt/my groups", "/a")]);
    }
}
