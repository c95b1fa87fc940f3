//! Linux: `/proc`.

use std::{fs, net::SocketAddr, path::Path};

use super::Listens;

/// The most host memory that `pid` has had, in bytes.
pub(crate) fn peak(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// A number that grows while `pid` works: its time on the processor, in ticks.
pub(crate) fn work(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything; utime and stime are the 12th and 13th field behind it.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let (user, system) = (fields.next()?.parse::<u64>().ok()?, fields.next()?.parse::<u64>().ok()?);
    Some(user.wrapping_add(system))
}

/// Whether `pid` listens at `address`; `None` when the system does not say.
pub(crate) fn listens(pid: u32, address: SocketAddr) -> Option<Listens> {
    let sockets = listeners(&fs::read_to_string("/proc/net/tcp").ok()?, address.port());
    let own: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .ok()?
        .flatten()
        .filter_map(|entry| inode(&fs::read_link(entry.path()).ok()?))
        .collect();
    let ours = sockets.iter().filter(|socket| own.contains(socket)).count();
    Some(match ours {
        0 => Listens::Not,
        all if all == sockets.len() => Listens::Alone,
        _ => Listens::Shared,
    })
}

/// The inode of `socket:[4711]`.
fn inode(link: &Path) -> Option<String> {
    Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
}

/// The inodes of those who listen at `port`, on any address that covers 127.0.0.1.
fn listeners(table: &str, port: u16) -> Vec<String> {
    let ending = format!(":{port:04X}");
    let listens = |line: &str| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (local, _, state) = (fields.next()?, fields.next()?, fields.next()?);
        // The state 0A is TCP_LISTEN; five fields further is the inode.
        (local.ends_with(&ending) && state == "0A").then(|| fields.nth(5).map(str::to_owned))?
    };
    table.lines().skip(1).filter_map(listens).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_port_is_told_from_ones_own() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(listens(std::process::id(), address), Some(Listens::Alone));
        drop(listener);
        assert_eq!(listens(std::process::id(), address), Some(Listens::Not));
    }

    #[test]
    fn our_own_process_has_memory_and_works() {
        assert!(peak(std::process::id()).unwrap() > 1 << 20);
        assert!(work(std::process::id()).is_some());
    }
}
