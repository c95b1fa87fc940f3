//! A painter that paints one colour: an example of the trait, and something to try a client on.
//!
//! ```text
//! cargo run -p loadmaster-images --example plain_colour
//! ```
//! The colour is made of the seed; nothing is understood of the prompt.

#[path = "../tests/it/plain_colour.rs"]
mod plain_colour;

use std::sync::Arc;

use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    #[expect(clippy::print_stdout, reason = "an example tells where it listens")]
    {
        println!("listening; try: curl http://{address}/v1/images/generations -d '{{\"prompt\":\"plain\"}}'");
    }
    let painter = Arc::new(plain_colour::PlainColour::default());
    axum::serve(listener, loadmaster_images::router(painter)).await
}
