//! A downloading process that is killed at random moments, again and again.
//!
//! The process is this very binary, which runs the test below again, told by the environment what to do.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use loadmaster_fetch::{Client, Download, Options, Sha256Hash};

use crate::{
    hub::{Answer, Hub, noise},
    support::{MIB, names, options},
};

/// Tells the process what to download, and to where.
const URL: &str = "FETCH_TEST_URL";
const TARGET: &str = "FETCH_TEST_TARGET";
/// The certificates, in PEM form, that it trusts beside the system's; if there are any.
const TRUST: &str = "FETCH_TEST_TRUST";

/// How often a process is killed.
const KILLS: usize = 200;

/// After this time no process is killed any more. On a machine that is busy with other things they hardly get to
/// download in the time that they are given.
const PATIENCE: Duration = Duration::from_mins(1);

/// A process that downloads; it ends with its test.
pub(crate) struct Downloading(pub(crate) Child);

impl Downloading {
    pub(crate) fn start(url: &str, target: &Path) -> Self {
        Self::start_behind(&[], None, url, target)
    }

    /// With variables of its environment that name proxies, and certificates that it trusts.
    pub(crate) fn start_behind(
        proxies: &[(&str, String)],
        trust: Option<&str>,
        url: &str,
        target: &Path,
    ) -> Self {
        #[expect(clippy::disallowed_methods, reason = "it is there to be killed, and always waited for")]
        let mut command = Command::new(std::env::current_exe().expect("a test knows its executable"));
        command.args(["--exact", "killed::the_process_that_is_killed"]);
        command.env(URL, url).env(TARGET, target).stdout(Stdio::null()).stderr(Stdio::null());
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
            command.env_remove(name).env_remove(name.to_ascii_lowercase());
        }
        command.envs(proxies.iter().map(|(name, value)| (name, value))).envs(trust.map(|pem| (TRUST, pem)));
        Self(command.spawn().expect("a process can be started"))
    }

    /// Whether it ended well.
    pub(crate) async fn ends(&mut self) -> bool {
        loop {
            if let Some(status) = self.0.try_wait().expect("it is a child") {
                return status.success();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Downloading {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the process does; nothing in a run of all tests.
#[test]
fn the_process_that_is_killed() {
    #[expect(clippy::disallowed_methods, reason = "nothing but the environment can be given to a test")]
    let (Ok(url), Some(target)) = (std::env::var(URL), std::env::var_os(TARGET)) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    #[expect(clippy::disallowed_methods, reason = "nothing but the environment can be given to a test")]
    let certificates = std::env::var(TRUST).ok().map(String::into_bytes);
    let client = Client::new(Options { certificates, ..options() }).unwrap();
    runtime.block_on(Download::new(&client, &url, target).unwrap().retries(1).run()).unwrap();
}

/// Numbers by chance, the same in every run (xorshift64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_is_complete_in_the_end_and_never_seen_before() {
    let (mut chance, mut kills, mut files) = (Chance(20_261_123), 0, 0);
    let begun = Instant::now();
    while kills < KILLS && begun.elapsed() < PATIENCE {
        let (file, folder) = (noise(24 * MIB, 100 + files), tempfile::tempdir().unwrap());
        let served = file.clone();
        let drip = Some((64 * 1024, Duration::from_millis(4)));
        let hub = Hub::start(move |_| Answer { drip, ..Answer::of(&served) }).await;
        let target = folder.path().join("model.gguf");
        loop {
            let mut process = Downloading::start(&hub.url(), &target);
            let pause = Duration::from_millis(chance.below(300));
            let pause = if begun.elapsed() < PATIENCE { pause } else { PATIENCE };
            let ended = tokio::time::timeout(pause, process.ends()).await;
            drop(process);
            match ended {
                Ok(well) => assert!(well, "the download failed"),
                Err(_) => kills += 1,
            }
            if target.exists() {
                break;
            }
            assert!(ended.is_err(), "it ended well and there is no file");
        }
        // It may have been killed in the moment after the file was put into place.
        assert_eq!(Sha256Hash::of(&fs::read(&target).unwrap()), Sha256Hash::of(&file));
        let mut last = Downloading::start(&hub.url(), &target);
        assert!(last.ends().await);
        assert_eq!(Sha256Hash::of(&fs::read(&target).unwrap()), Sha256Hash::of(&file));
        assert_eq!(names(folder.path()), ["model.gguf"]);
        files += 1;
    }
    // A few kills may all fall upon the first file.
    assert!(files > 1 || kills < KILLS / 2, "{files} files came in spite of {kills} kills");
}
