//! What is for programs on this machine alone.

use std::net::{IpAddr, SocketAddr};

use axum::{
    Extension,
    extract::ConnectInfo,
    http::{HeaderMap, StatusCode},
};

use crate::ApiError;

/// Headers by which proxies tell that a request comes from elsewhere.
const FORWARDED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// Who asks, where that is known.
pub(crate) type Peer = Option<Extension<ConnectInfo<SocketAddr>>>;

/// Refuses whoever does not ask from this machine. `what` is kept from others: `Files are shown`.
pub(crate) fn only(peer: &Peer, headers: &HeaderMap, what: &str, remedy: &str) -> Result<(), ApiError> {
    let is_near = |peer: IpAddr| peer.to_canonical().is_loopback();
    let near = peer.as_ref().is_some_and(|Extension(ConnectInfo(peer))| is_near(peer.ip()));
    if near && !FORWARDED.iter().any(|header| headers.contains_key(*header)) {
        return Ok(());
    }
    let message = format!("{what} only to programs on the machine that Loadmaster runs on");
    Err(ApiError::new(StatusCode::FORBIDDEN, "loopback_only", message, remedy))
}
