//! What the tests of downloads share.

use std::{fs, path::Path, time::Duration};

use loadmaster_fetch::{Client, Download, Downloaded, Options, Sha256Hash};

use crate::hub::Hub;

pub(crate) const MIB: usize = 1 << 20;

/// Those of a client that bears with a machine that does much else.
pub(crate) fn options() -> Options {
    Options { stall_timeout: Duration::from_secs(20), ..Options::default() }
}

pub(crate) fn client() -> Client {
    Client::new(options()).expect("this system can make a client")
}

/// A client that gives up on a server which says nothing for so long.
pub(crate) fn client_that_waits(stall_timeout: Duration) -> Client {
    let options = Options { stall_timeout, ..Options::default() };
    Client::new(options).expect("this system can make a client")
}

pub(crate) fn download(hub: &Hub, folder: &Path) -> Download {
    Download::new(&client(), &hub.url(), folder.join("model.gguf")).expect("it is an address")
}

/// Nothing but these files are in the folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be listed").file_name().to_string_lossy().into_owned())
        // Windows keeps the files of locks.
        .filter(|name| cfg!(unix) || Path::new(name).extension() != Some("lock".as_ref()))
        .collect();
    names.sort();
    names
}

/// The file is there, right, and alone.
pub(crate) fn assert_there(folder: &Path, file: &[u8], downloaded: &Downloaded) {
    assert_eq!(downloaded.path, folder.join("model.gguf"));
    assert_eq!((downloaded.length, downloaded.sha256), (file.len() as u64, Sha256Hash::of(file)));
    assert!(fs::read(&downloaded.path).expect("it is there") == file, "other bytes");
    assert_eq!(names(folder), ["model.gguf"]);
}

/// Downloads until `bytes` have come, and stops there. What was left.
pub(crate) async fn interrupted(download: Download, bytes: u64) {
    let mut progress = download.progress();
    let enough = async {
        let wait = progress.wait_for(|progress| progress.received >= bytes).await;
        wait.expect("the download goes on");
    };
    tokio::select! {
        biased;
        () = enough => {}
        done = download.run() => panic!("it was to be stopped: {done:?}"),
    }
}

/// Waits until the threads of a download that was dropped have noted what came.
pub(crate) async fn settled(folder: &Path) {
    for _ in 0..1000 {
        if !folder.join("model.gguf.part.lock").exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the lock is never given back");
}
