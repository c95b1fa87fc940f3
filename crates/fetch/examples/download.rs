//! Downloads a file: `download URL TARGET [SHA256]`. Stop it at any moment, and start it again.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example prints")]

use std::error::Error;

use loadmaster_fetch::{Client, Download, Options};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: download URL TARGET [SHA256]";
    let (url, target) = (arguments.next().ok_or(usage)?, arguments.next().ok_or(usage)?);

    let client = Client::new(Options::default())?;
    let mut download = Download::new(&client, &url, target)?;
    if let Some(hash) = arguments.next() {
        download = download.expect_sha256(hash.parse()?);
    }
    let mut progress = download.progress();
    let shown = tokio::spawn(async move {
        while progress.changed().await.is_ok() {
            let now = progress.borrow_and_update().clone();
            let (received, total) = (now.received >> 20, now.total.unwrap_or(0) >> 20);
            eprint!("\r{:?}: {received} of {total} MiB, {} MiB/s   ", now.phase, now.speed >> 20);
        }
        eprintln!();
    });
    let downloaded = download.run().await;
    shown.await?;
    match downloaded {
        Ok(file) => println!("{}  {} ({:?})", file.sha256, file.path.display(), file.how),
        Err(error) => return Err(format!("{error}. {}", error.remedy()).into()),
    }
    Ok(())
}
