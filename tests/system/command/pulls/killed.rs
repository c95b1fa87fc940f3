//! `loadmaster pull` that is killed at random moments.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{Faults, World, ended, loadmaster, maker};
use crate::support;

/// How often it is killed, unless `LOADMASTER_TEST_KILLS` says otherwise, as `cargo xtask integration` does.
const KILLS: u32 = 12;

/// The longest that it lives, in milliseconds: a pull that nobody kills takes twice as long.
const LONGEST: u64 = 500;

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

/// What can be seen of the model is all of it; whether it is there.
fn seen(world: &World) -> bool {
    let listing = ended(loadmaster(world.home()).args(["list", "--json"])).json();
    assert_eq!(listing["damaged"], json!([]));
    let is_there = listing["models"] != json!([]);
    assert_eq!(world.home().join("models/big").exists(), is_there);
    if is_there {
        world.verified("big", 3);
    }
    is_there
}

#[test]
fn a_pull_that_is_killed_again_and_again_comes_to_its_end() {
    let world = World::new();
    world.hub.add("owner/big", &maker::split_llm("big", 3, 2 << 20));
    world.hub.break_by(Faults { slow: true, ..Faults::default() });
    let (mut chance, mut killed, mut whole) = (Chance(20_261_124), 0, 0);
    let kills = support::kills().unwrap_or(KILLS);
    while killed < kills {
        let mut pull = world.command("pull", "owner/big");
        let mut pull =
            pull.arg("--json").stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let end = Instant::now() + Duration::from_millis(chance.below(LONGEST));
        while Instant::now() < end && pull.try_wait().expect("it is a child").is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        if let Some(status) = pull.try_wait().expect("it is a child") {
            assert!(status.success(), "the pull failed");
        } else {
            pull.kill().expect("it is ours");
            pull.wait().expect("it was killed");
            killed += 1;
        }
        if seen(&world) {
            world.removed("big");
            whole += 1;
        }
    }
    ended(world.command("pull", "owner/big").arg("--json")).json();
    assert!(seen(&world) && (kills < 50 || whole > 1), "{whole} came in spite of {kills} kills");
    let report = ended(loadmaster(world.home()).args(["gc", "--unfinished", "--json"])).json();
    assert_eq!((&report["removed"], &report["kept"]), (&json!([]), &json!([])));
}
