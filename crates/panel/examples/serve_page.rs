//! Serves the page alone, without a daemon behind it: it will say that it has no connection.
//!
//! `cargo run -p loadmaster-panel --example serve_page`, then open <http://127.0.0.1:11612>.

#![expect(clippy::print_stdout, reason = "an example talks to its user")]

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 11612)).await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, loadmaster_panel::routes()).await
}
