//! Linux lists its sockets, and which process holds which: `proc_net_tcp.rst` and `filesystems/proc.rst` of the
//! kernel's documentation.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
};

use super::Listener;

/// The state of a socket that listens (`TCP_LISTEN` of `tcp_states.h`).
const LISTEN: &str = "0A";

/// A line of `/proc/net/tcp` that listens.
#[derive(Debug, PartialEq, Eq)]
struct Socket {
    address: IpAddr,
    port: u16,
    user: u32,
    inode: u64,
}

pub(super) fn on(address: SocketAddr) -> Option<Listener> {
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    let sockets = tables.iter().flat_map(|table| table.lines().filter_map(listening));
    let in_the_way = |socket: &Socket| {
        let both = [socket.address, address.ip()];
        socket.port == address.port()
            && (both[0].to_canonical() == both[1].to_canonical() || both.iter().any(IpAddr::is_unspecified))
    };
    let socket = sockets.into_iter().find(in_the_way)?;
    Some(holder(socket.inode).unwrap_or(Listener::OfUser(socket.user)))
}

/// What an administrator finds more with.
pub(super) fn question(port: u16) -> String {
    format!("sudo ss -ltnp 'sport = :{port}'")
}

/// Reads `0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000  0 12345 ...`.
fn listening(line: &str) -> Option<Socket> {
    let mut fields = line.split_whitespace().skip(1);
    let (address, port) = fields.next()?.split_once(':')?;
    let state = fields.nth(1)?;
    let user = fields.nth(3)?.parse().ok()?;
    let inode = fields.nth(1)?.parse().ok()?;
    let (address, port) = (parsed(address)?, u16::from_str_radix(port, 16).ok()?);
    (state == LISTEN).then_some(Socket { address, port, user, inode })
}

/// Words of 32 bits, each in the processor's own order.
fn parsed(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let digits = hex.get(at * 8..at * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    match hex.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let bytes: Vec<u8> = (0..4).map(word).collect::<Option<Vec<_>>>()?.concat();
            Some(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)))
        }
        _ => None,
    }
}

/// The process that has this socket open, if it may be looked at.
fn holder(inode: u64) -> Option<Listener> {
    let link = format!("socket:[{inode}]");
    let holds = |process: &Path| {
        let open = fs::read_dir(process.join("fd")).ok()?;
        open.flatten().find(|file| fs::read_link(file.path()).is_ok_and(|to| to.as_os_str() == link.as_str()))
    };
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if holds(&entry.path()).is_some() {
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            return Some(Listener::Program { name: name.trim().to_owned(), pid });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_listen_are_read() {
        let word = |address: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(address));
        let rest = "00000000:00000000 00:00000000 00000000  1000        0 12345 1 0 100 0 0 10 0";
        let line = format!("   0: {}:1F90 00000000:0000 0A {rest}", word([127, 0, 0, 1]));
        let address = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(listening(&line), Some(Socket { address, port: 8080, user: 1000, inode: 12345 }));
        assert_eq!(listening(&line.replace(" 0A ", " 01 ")), None);
        let words = [word([0; 4]), word([0; 4]), word([0; 4]), word([0, 0, 0, 1])].concat();
        let line = format!("   1: {words}:0050 {}:0000 0A {rest}", "0".repeat(32));
        assert_eq!(listening(&line).unwrap().address, IpAddr::from(Ipv6Addr::LOCALHOST));
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
        assert_eq!(listening(head), None);
    }
}
