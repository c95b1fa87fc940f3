//! Where a server is to listen: addresses that nobody else on the machine can reach or guess.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

use loadmaster_core::{BackendError, Endpoint};
use serde::Deserialize;

/// How instances listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// A Unix socket where there are any and its path is short enough, else a port.
    #[default]
    Auto,
    /// A Unix socket.
    Unix,
    /// A loopback port with a key.
    Tcp,
}

/// Unix sockets have at most so many bytes of path: `sun_path` has 104 on macOS, 108 on Linux, with a
/// zero at the end.
const SOCKET_PATH_LIMIT: usize = 103;

/// An endpoint that is made anew, and its socket file's owner. Must outlive whoever listens there.
#[derive(Debug)]
pub struct Address {
    /// Where to listen.
    pub endpoint: Endpoint,
}

impl Address {
    /// A new address that nobody can guess; sockets lie in `runtime_dir`.
    ///
    /// # Errors
    /// The system gives no random numbers or no free port.
    pub fn choose(transport: Transport, runtime_dir: &Path) -> Result<Self, BackendError> {
        let socket = runtime_dir.join(format!("{}.sock", &random_hex()?[..16]));
        let fits = socket.as_os_str().len() <= SOCKET_PATH_LIMIT;
        let endpoint = match transport {
            Transport::Auto if cfg!(unix) && fits => Endpoint::Unix { path: socket },
            Transport::Unix => Endpoint::Unix { path: socket },
            Transport::Auto | Transport::Tcp => {
                let refused = |error| BackendError::system("looking for a free port on 127.0.0.1", error);
                Endpoint::Tcp { address: free_port().map_err(refused)?, api_key: random_hex()? }
            }
        };
        Ok(Self { endpoint })
    }
}

/// Takes the socket file away: it outlives a server that was killed.
impl Drop for Address {
    fn drop(&mut self) {
        if let Endpoint::Unix { path } = &self.endpoint {
            // There is none when the server removed it itself, or never made it.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// 32 hexadecimal digits from the system's random source.
///
/// # Errors
/// The system has none.
pub fn random_hex() -> Result<String, BackendError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| BackendError::system("drawing a random key", error))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// A loopback port that is free now. Somebody may take it before the server does: whoever starts one there
/// has to check that it is theirs which answers.
///
/// # Errors
/// The system has none.
pub fn free_port() -> io::Result<SocketAddr> {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
