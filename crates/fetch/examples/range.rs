//! Prints what is known of a file on a server, and some of its bytes: `range URL [FIRST [COUNT]]`.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use loadmaster_fetch::{Client, Options, RemoteFile};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("usage: range URL [FIRST [COUNT]]")?;
    let first: u64 = arguments.next().map_or(Ok(0), |text| text.parse())?;
    let count: u64 = arguments.next().map_or(Ok(16), |text| text.parse())?;

    let client = Client::new(Options::default())?;
    let (mut file, body) = RemoteFile::open(&client, &url, first..first + count).await?;
    drop(body);
    println!("{}", file.url());
    println!("length: {:?}, etag: {:?}, ranges: {}", file.length(), file.etag(), file.has_ranges());
    let bytes = file.read(first..first + count).await?;
    println!("{} bytes from {first} on: {}", bytes.len(), bytes.escape_ascii());
    Ok(())
}
