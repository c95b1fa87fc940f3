//! What the hub refuses, what a catalog recommends, and what is read again.

use std::{fs, process::Stdio};

use serde_json::json;

use super::{Faults, World, ended, file, loadmaster, maker, shards, total};
use crate::support::{llama_server, smollm2, wait_until};

#[test]
fn a_gated_model_says_where_to_get_a_token_and_comes_with_one() {
    let world = World::new();
    world.hub.add("owner/gated", &[file("g.gguf", maker::llm(1000, 1))]);
    world.hub.change("owner/gated", |repository| repository.gate = Some("let-me-in".into()));
    let page = format!("{}/owner/gated", world.hub.endpoint());
    let cause = "owner/gated is gated: its owner lets in those who accepted the terms";
    let without = ended(world.command("pull", "owner/gated").arg("--json"));
    let token = "Then make a token at https://huggingface.co/settings/tokens and set HF_TOKEN to it.";
    let remedy = format!("Open {page} in a browser, sign in and accept the terms. {token}");
    without.failed(1, cause, &remedy);
    let stranger = ended(world.command("pull", "owner/gated").arg("--json").env("HF_TOKEN", "hf_other"));
    let token = "The token that was sent belongs to an account that was not let in yet.";
    let remedy = format!("Open {page} in a browser, sign in and accept the terms. {token}");
    stranger.failed(1, cause, &remedy);
    let mut pull = world.command("pull", "owner/gated");
    assert_eq!(ended(pull.args(["--json", "--anyway"]).env("HF_TOKEN", "let-me-in")).json()["name"], "g");
    // The network that the files come from never sees it.
    assert!(world.hub.heads().1.iter().all(|head| !head.contains("let-me-in")));
}

#[test]
fn what_the_catalog_recommends_holds_beneath_what_the_user_says() {
    let world = World::new();
    let bytes = fs::read(smollm2()).expect("the model is there");
    world.hub.add("owner/smol", &[file("smol.gguf", bytes)]);
    let model = "[[model]]\nname = \"smol\"\ntitle = \"S\"\nkind = \"llm\"\nrepo = \"owner/smol\"\n\
                 recommended = { context_length = 768, temperature = 0.0, top_k = 7 }\n";
    fs::write(world.home().join("models.toml"), model).expect("it can be written");
    let pulled = ended(world.command("pull", "smol").arg("--json")).json();
    assert_eq!(pulled["recommended"]["context_length"], 768);

    let run = |arguments: &[&str]| {
        let mut run = loadmaster(world.home());
        run.args(["run", "smol", "Hi", "--json", "--max-tokens", "2"]).args(arguments);
        ended(run.arg("--llama-server").arg(llama_server())).json()["plan"]["settings"].clone()
    };
    let settings = run(&[]);
    assert_eq!(
        (&settings["context_length"], &settings["extra"]),
        (&json!(768), &json!({"temp": 0.0, "top-k": 7}))
    );
    let section = "[models.smol.settings]\ncontext_length = 512\nthreads = 2\nextra = { '--top-k' = 9 }\n";
    fs::write(world.home().join("config.toml"), section).expect("it can be written");
    let settings = run(&[]);
    assert_eq!((&settings["context_length"], &settings["threads"]), (&json!(512), &json!(2)));
    assert_eq!(settings["extra"], json!({"temp": 0.0, "--top-k": 9}));
    assert_eq!(run(&["--ctx", "640"])["context_length"], 640);

    let shown = ended(loadmaster(world.home()).args(["show", "smol", "--json"])).json();
    let of = |name: &str, value: serde_json::Value, from: &str| json!({"name": name, "value": value, "from": from});
    let mut expected = vec![
        of("context_length", json!(512), "configuration"),
        of("temperature", json!(0.0), "catalog"),
        of("top_k", json!(9), "configuration"),
        of("threads", json!(2), "configuration"),
    ];
    expected[0]["recommended"] = 768.into();
    expected[2]["recommended"] = 7.into();
    let settings = shown["settings"].as_array().expect("a list");
    for setting in &expected {
        assert!(settings.contains(setting), "{setting}: {settings:?}");
    }
    let table = world.printed(&["show", "smol"]);
    assert!(table.contains("512, from the configuration, where 768 is recommended"), "{table}");
    assert!(table.contains("0.0, recommended by the catalog"), "{table}");
}

#[test]
fn the_second_of_two_commands_waits_and_shows_how_far_the_first_is() {
    let world = World::new();
    let files = maker::split_llm("big", 3, 24 << 20);
    world.hub.add("owner/big", &files);
    world.hub.break_by(Faults { slow: true, ..Faults::default() });
    let mut first = world.command("pull", "owner/big");
    let first = first.arg("--json").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let unfinished = || {
        let listed = ended(loadmaster(world.home()).args(["list", "--json"])).json();
        listed["disk"]["usage"]["unfinished"].as_u64().expect("it is a number")
    };
    wait_until("the first has begun", std::time::Duration::from_secs(30), || unfinished() > 1 << 20);
    let second = ended(&mut world.command("pull", "owner/big"));
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    assert!(second.stderr.contains("\nwaiting for another pull of big: "), "{}", second.stderr);
    assert!(!second.stderr.contains("\nchecking"), "{}", second.stderr);
    assert!(first.wait_with_output().expect("it ends").status.success());
    assert!(world.hub.sent() < total(&files) + 1_000_000);
    world.verified("big", 3);
}

#[test]
fn facts_are_read_again_from_where_they_are_wanted() {
    let world = World::new();
    world.hub.add("owner/smol", &shards::split(&smollm2(), "smol-Q4_1", 2));
    ended(world.command("pull", "owner/smol").arg("--json")).json();
    let path = world.home().join("models/smol-Q4_1/smol-Q4_1-00001-of-00002.gguf");
    let named = maker::gguf(&[("general.architecture", maker::V::Str("local"))], &[("a", 8)], 1);
    fs::write(&path, named).expect("it can be written");
    let of = |from: &str| {
        let shown = ended(world.command("show", "smol-Q4_1").args(["--json", "--metadata", from]));
        if shown.code == Some(0) {
            shown.json()["facts"]["architecture"].clone()
        } else {
            json!(shown.stderr)
        }
    };
    assert_eq!((of("local-only"), of("remote-local")), (json!("local"), json!("llama")));
    assert_eq!((of("local-remote"), of("remote-only")), (json!("local"), json!("llama")));
    fs::write(&path, "no model").expect("it can be written");
    assert_eq!(of("local-remote"), "llama");
    assert!(of("local-only").as_str().is_some_and(|told| told.starts_with("error: ")));
}

#[test]
fn a_damaged_manifest_takes_nobody_down() {
    let world = World::new();
    for name in ["one", "two"] {
        world.hub.add(&format!("owner/{name}"), &[file(&format!("{name}.gguf"), maker::llm(1000, 1))]);
        let mut pull = world.command("pull", &format!("owner/{name}"));
        ended(pull.args(["--json", "--anyway"])).json();
    }
    fs::write(world.home().join("models/one/manifest.json"), "{\"schema\": 1").expect("it can be written");
    let listed = ended(loadmaster(world.home()).arg("list"));
    assert_eq!(listed.code, Some(0));
    assert!(listed.stdout.contains("two") && listed.stdout.contains(" on this disk"), "{}", listed.stdout);
    assert!(listed.stderr.starts_with("damaged: one: "), "{}", listed.stderr);
    assert!(world.printed(&["verify", "two"]).contains(": intact\n"));
    assert!(ended(loadmaster(world.home()).args(["show", "one"])).code == Some(1));
    assert!(world.printed(&["rm", "two"]).starts_with("removed two; "));
    assert!(world.printed(&["rm", "one"]).contains("note: "));
}
