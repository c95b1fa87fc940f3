//! Where the system tells only through libraries of its own: the user is told what to ask.

use std::net::SocketAddr;

use super::Listener;

pub(super) fn on(_address: SocketAddr) -> Option<Listener> {
    None
}

/// What says which program listens on a port.
pub(super) fn question(port: u16) -> String {
    if cfg!(windows) {
        format!("Get-Process -Id (Get-NetTCPConnection -LocalPort {port} -State Listen).OwningProcess")
    } else {
        format!("lsof -nP -iTCP:{port} -sTCP:LISTEN")
    }
}
