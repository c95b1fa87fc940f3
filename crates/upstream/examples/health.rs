//! Asks a server on a Unix socket for its health: `cargo run --example health -- /path/to.sock`.
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use loadmaster_core::Endpoint;
use loadmaster_upstream::{Method, Upstream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("name the socket")?;
    let upstream = Upstream::new(&Endpoint::Unix { path: path.into() })?;
    let answer = upstream.request(Method::GET, "/health").send().await?;
    println!("{}: {}", answer.status(), answer.text().await?);
    Ok(())
}
