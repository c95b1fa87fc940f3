//! `loadmaster pull` of models in several files, over connections that break, and what is done with them then.
//! The hub and the small models are those of the library's own tests.

mod advice;
mod estimates;
mod killed;
mod shards;

#[path = "../../../../crates/models/tests/it/hub.rs"]
mod hub;
#[path = "../../../../crates/models/tests/it/maker.rs"]
#[expect(dead_code, reason = "some of it is for the library's own tests alone")]
mod maker;

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use self::hub::{Faults, TestHub};
use super::{Ended, empty_folder, ended, urls};
use crate::support::{llama_server, loadmaster, smollm2};

const MIB: usize = 1 << 20;

/// A hub, and a home of the user's.
struct World {
    hub: TestHub,
    home: TempDir,
    /// The hub is served for as long as this lives.
    _runtime: Runtime,
}

impl World {
    fn new() -> Self {
        let runtime = Runtime::new().expect("threads can be started");
        let hub = runtime.block_on(TestHub::start());
        Self { hub, home: empty_folder(), _runtime: runtime }
    }

    fn home(&self) -> &Path {
        self.home.path()
    }

    /// `loadmaster COMMAND ARGUMENT` with this hub.
    fn command(&self, name: &str, argument: &str) -> Command {
        let mut command = urls::command(self.home(), name, argument);
        command.env("HF_ENDPOINT", self.hub.endpoint()).env("HOME", self.home());
        command
    }

    /// Pulls over connections that break, and asserts that hardly a byte comes twice; the manifest.
    #[track_caller]
    fn pulled(&self, reference: &str, bytes: u64) -> Value {
        self.hub.break_by(Faults { cut_every: Some(3), cut_after: 1_500_000, ..Faults::default() });
        self.hub.sent();
        let manifest = ended(self.command("pull", reference).arg("--json")).json();
        let (sent, cuts) = (self.hub.sent(), self.hub.cuts());
        assert!(cuts > 0, "nothing broke");
        assert!(sent * 100 <= bytes * 102, "{sent} bytes were sent for {bytes}, with {cuts} cuts");
        manifest
    }

    #[track_caller]
    fn printed(&self, line: &[&str]) -> String {
        ended(loadmaster(self.home()).args(line)).printed()
    }

    fn listed(&self) -> Value {
        ended(loadmaster(self.home()).args(["list", "--json"])).json()["models"].clone()
    }

    #[track_caller]
    fn verified(&self, name: &str, files: usize) {
        let report = ended(loadmaster(self.home()).args(["verify", "--json", name])).json();
        let outcomes = report["files"].as_array().expect("a list").iter();
        let outcomes: Vec<&Value> = outcomes.map(|file| &file["outcome"]).collect();
        assert_eq!((&report["intact"], outcomes), (&true.into(), vec![&json!("intact"); files]));
    }

    /// Removes a model; bytes that are free now.
    #[track_caller]
    fn removed(&self, name: &str) -> u64 {
        let report = ended(loadmaster(self.home()).args(["rm", "--json", name])).json();
        report["freed"].as_u64().expect("it is a number")
    }

    /// A short name of the user's own, for a model of two components.
    fn add_to_catalog(&self, name: &str) {
        let path = self.home().join("models.toml");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let model = format!(
            "[[model]]\nname = \"{name}\"\ntitle = \"T\"\nkind = \"diffusion\"\nrepo = \"owner/{name}\"\n\
             recommended = {{ steps = 4 }}\n\
             [[model.component]]\nrole = \"llm\"\nrepo = \"owner/parts\"\nfile = \"llm/enc-Q4_0.gguf\"\n\
             [[model.component]]\nrole = \"vae\"\nrepo = \"owner/parts\"\nfile = \"vae/ae.safetensors\"\n"
        );
        fs::write(path, text + &model).expect("it can be written");
    }
}

fn total(files: &[(String, Vec<u8>)]) -> u64 {
    files.iter().map(|(_, bytes)| bytes.len() as u64).sum()
}

fn file(name: &str, bytes: Vec<u8>) -> (String, Vec<u8>) {
    (name.to_owned(), bytes)
}

#[test]
fn a_real_model_in_three_files_is_pulled_over_cuts_and_answers() {
    let world = World::new();
    let files = shards::split(&smollm2(), "smol-Q4_1", 3);
    world.hub.add("owner/smol", &files);
    let manifest = world.pulled("owner/smol", total(&files));
    assert_eq!((&manifest["name"], &manifest["kind"]), (&json!("smol-Q4_1"), &json!("llm")));
    assert_eq!(manifest["weights"].as_array().map(Vec::len), Some(3));

    let listed = world.listed();
    let model = &listed[0];
    assert_eq!((&model["fits"], &model["in_use"]), (&json!(true), &json!(false)));
    assert_eq!((&model["size"], &model["missing"]), (&json!(total(&files)), &json!([])));
    let shown = world.printed(&["show", "smol-q4_1"]);
    assert_eq!(shown.matches("-of-00003.gguf, ").count(), 3, "{shown}");
    world.verified("smol-Q4_1", 3);

    let mut run = loadmaster(world.home());
    run.args(["run", "smol-Q4_1", "What is the capital of France? Answer in one word.", "--json"]);
    run.args(["--max-tokens", "24", "--ctx", "512", "--temperature", "0"]);
    let answer = ended(run.arg("--llama-server").arg(llama_server())).json();
    let text = answer["text"].as_str().expect("the answer is text");
    assert!(text.contains("Paris"), "{text}");

    let freed = world.removed("smol-Q4_1");
    assert!(freed >= total(&files) && world.listed() == json!([]), "{freed}");
}

#[test]
fn a_model_of_components_is_pulled_over_cuts_and_shares_them() {
    let world = World::new();
    let one = [file("one.safetensors", maker::diffusion(9 * MIB, 1))];
    let two = [file("two.safetensors", maker::diffusion(5 * MIB, 2))];
    let parts =
        [file("llm/enc-Q4_0.gguf", maker::llm(6 << 20, 3)), file("vae/ae.safetensors", maker::vae(4 * MIB))];
    for (repo, files) in [("owner/one", &one[..]), ("owner/two", &two[..]), ("owner/parts", &parts[..])] {
        world.hub.add(repo, files);
    }
    world.add_to_catalog("one");
    world.add_to_catalog("two");
    let manifest = world.pulled("one", total(&one) + total(&parts));
    assert_eq!(manifest["kind"], "diffusion");
    let roles: Vec<&Value> = (0..2).map(|index| &manifest["components"][index]["role"]).collect();
    assert_eq!(roles, ["llm", "vae"]);
    world.verified("one", 3);
    // The parts are here.
    world.pulled("two", total(&two));
    let shown = world.printed(&["show", "one"]);
    for said in ["vae", "setting steps", "4, recommended by the catalog", "owner/parts@"] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    let told = world.printed(&["rm", "one"]);
    assert_eq!(told.matches(": used by two\n").count(), 2, "{told}");
    world.verified("two", 3);
    assert!(world.removed("two") >= total(&two) + total(&parts));
    assert_eq!(world.listed(), json!([]));
}

#[test]
fn a_checkpoint_is_pulled_over_cuts() {
    let world = World::new();
    let weights = [("model.diffusion_model.x", 8 * MIB), ("first_stage_model.y", MIB)];
    let files = [file("sd.safetensors", maker::safetensors(&weights, 4))];
    world.hub.add("owner/sd", &files);
    fs::write(world.home().join("config.toml"), "[budgets]\nhost = '5 MiB'\n").expect("it can be written");
    let refused = ended(world.command("pull", "owner/sd").arg("--json"));
    let remedy = "Choose a smaller model or quantisation, or pull it all the same with --anyway.";
    let cause = "sd does not fit this machine: sd.safetensors alone needs 9.00 MiB, there is 5.00 MiB";
    refused.failed(3, cause, remedy);
    fs::remove_file(world.home().join("config.toml")).expect("it is there");
    let manifest = world.pulled("owner/sd", total(&files));
    assert_eq!((&manifest["name"], &manifest["kind"]), (&json!("sd"), &json!("diffusion")));
    assert_eq!(manifest["facts"]["format"], "safetensors");
    world.verified("sd", 1);
    assert_eq!(world.listed()[0]["kind"], "diffusion");
    assert!(world.printed(&["show", "sd"]).contains("owner/sd@"));
    assert!(world.removed("sd") >= total(&files));
}

#[test]
fn the_header_is_asked_for_once() {
    let world = World::new();
    let files = shards::split(&smollm2(), "smol-Q4_1", 3);
    world.hub.add("owner/smol", &files);
    fs::write(world.home().join("config.toml"), "[budgets]\nhost = '100 MiB'\n").expect("it can be written");
    let refused: Ended = ended(world.command("pull", "owner/smol").arg("--json"));
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(refused.stderr.contains("does not fit this machine: host needs "), "{}", refused.stderr);
    let (hub, network) = world.hub.heads();
    for (name, _) in &files {
        let of = |heads: &[String]| heads.iter().filter(|head| head.contains(name.as_str())).count();
        assert_eq!(of(&hub), 1, "{hub:?}");
        let firsts = network.iter().filter(|head| head.contains(name.as_str()));
        assert_eq!(firsts.filter(|head| head.contains("range: bytes=0-")).count(), 1, "{network:?}");
    }
}
