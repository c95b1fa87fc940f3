//! Supervises a program given by arguments: shows its lines as they come, stops it on Ctrl-C, and
//! tells how it ended.
//!
//! ```text
//! cargo run -p loadmaster-supervise --example watch -- sh -c 'echo loading; sleep 1; exit 3'
//! ```
//!
//! Kill the example itself (`kill -9`) while a child runs, and the next start ends what was left.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::time::Duration;

use loadmaster_supervise::{Journal, LogFile, Spec, Stream, Supervisor};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let program = args.next().ok_or("which program? watch PROGRAM [ARGUMENT]...")?;

    let folder = std::env::temp_dir().join("supervise-watch");
    let journal = Journal::open(&folder.join("children"))?;
    for reaped in journal.reap_orphans()? {
        println!("left behind by an earlier start: {reaped:?}");
    }

    let spec = Spec::new(program).args(args).log(LogFile::new(folder.join("watch.log")));
    let child = Supervisor::new(Some(journal)).spawn(spec).await?;
    println!("process {} runs; Ctrl-C stops it", child.pid());

    let mut lines = child.lines();
    loop {
        tokio::select! {
            line = lines.next() => match line {
                Some(line) if line.stream == Stream::Stdout => println!("  out | {}", line.text),
                Some(line) => println!("  err | {}", line.text),
                None => break,
            },
            _ = tokio::signal::ctrl_c() => {
                println!("stopping: TERM now, KILL in five seconds");
                child.stop(Duration::from_secs(5)).await;
            }
        }
    }
    let exit = child.exit().wait().await;
    let whose = if exit.asked { "asked for" } else { "by itself" };
    println!("it ended {whose}: {}", exit.status);
    Ok(())
}
