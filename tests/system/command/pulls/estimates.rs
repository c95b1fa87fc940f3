//! What a model of a hub would take, before anything of it is here: told by the command and by the API alike.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use super::{MIB, World, ended, maker};
use crate::{
    serve::client::{Answer, client},
    support::{Daemon, llama_server, sd_model, smollm2},
};

const CONTEXT: &str = "512";

impl World {
    fn estimated(&self, what: &str) -> Value {
        ended(self.command("estimate", what).args(["--ctx", CONTEXT, "--json"])).json()
    }
}

#[test]
fn a_repository_is_estimated_as_its_file_at_the_cost_of_a_header() {
    let world = World::new();
    world.hub.add("o/small", &[("small-Q4_K_M.gguf".to_owned(), maker::llm(8 * MIB as u64, 3))]);
    world.hub.add("o/parts", &maker::split_llm("parts", 3, MIB as u64));
    let small = world.estimated("o/small");
    assert!(world.hub.sent() < 2 * MIB as u64, "only its beginning was sent");
    assert_eq!((&small["source"], &small["plan"]["context_length"]), (&json!("computed"), &json!(512)));
    let url = format!("{}/o/small/resolve/main/small-Q4_K_M.gguf", world.hub.endpoint());
    assert_eq!(small, world.estimated(&url));
    assert!(world.estimated("o/parts:parts-00001-of-00003.gguf")["devices"][0]["weights"].as_u64() > Some(0));

    let mut serve = world.command("serve", "--listen");
    serve.args(["127.0.0.1:0", "--model"]).arg(smollm2()).arg("--llama-server").arg(llama_server());
    let daemon = Daemon::of(super::empty_folder(), &mut serve);
    for (name, body) in [("o/small", json!({ "model": "o/small" })), (url.as_str(), json!({ "url": url }))] {
        let mut body = body;
        body["settings"] = json!({ "context_length": 512 });
        let asked = client().post(format!("{}/api/v1/estimate", daemon.url)).timeout(Duration::from_secs(50));
        let told = Answer::to(asked.body(body.to_string()));
        assert_eq!(told.status, 200, "{told:?}");
        for (key, value) in small.as_object().expect("an object") {
            assert_eq!(&told.body[key], value, "{key} of {name}");
        }
        assert_eq!(told.body["download"]["name"], "small-Q4_K_M");
    }
}

#[test]
fn an_image_model_is_estimated_by_its_header_too() {
    let world = World::new();
    let file = sd_model("sd1tiny.safetensors");
    let bytes = fs::read(&file).expect("it is a fixture");
    let length = bytes.len() as u64;
    world.hub.add("o/paints", &[("sd1tiny.safetensors".to_owned(), bytes)]);
    let local = ended(world.command("estimate", &file.display().to_string()).arg("--json")).json();
    world.hub.sent();
    let told = ended(world.command("estimate", "o/paints").arg("--json")).json();
    assert!(world.hub.sent() < length / 2, "only its beginning was sent");
    assert_eq!((&told["backend"], &told["source"]), (&json!("sd"), &json!("computed")), "{told}");
    assert_eq!(told["devices"], local["devices"]);

    let mut serve = world.command("serve", "--listen");
    serve.args(["127.0.0.1:0", "--model"]).arg(smollm2()).arg("--llama-server").arg(llama_server());
    let daemon = Daemon::of(super::empty_folder(), &mut serve);
    let estimate = |body: &Value| {
        Answer::to(client().post(format!("{}/api/v1/estimate", daemon.url)).body(body.to_string()))
    };
    let over = estimate(&json!({ "model": "o/paints" })).body;
    assert_eq!((&over["devices"], &over["fits"]), (&told["devices"], &Value::Null));
    assert_eq!((&over["fit"]["verdict"], &over["download"]["bytes"]), (&json!("fits"), &json!(length)));
    let larger = estimate(&json!({ "model": "o/paints", "settings": { "pixels": 1 << 20 } })).body;
    assert!(larger["devices"][0]["total"].as_u64() > over["devices"][0]["total"].as_u64(), "{larger}");
    let wrong = estimate(&json!({ "model": "o/paints", "settings": { "pixels": "many" } }));
    assert_eq!((wrong.status, &wrong.body["error"]["param"]), (400, &json!("pixels")));
    // Of a family that nobody knows the size has to do.
    world.hub.add("o/strange", &[("strange.safetensors".to_owned(), maker::diffusion(MIB, 5))]);
    let strange = estimate(&json!({ "model": "o/strange" })).body;
    assert_eq!((&strange["source"], &strange["backend"]), (&json!("size"), &Value::Null), "{strange}");
    let refused = ended(world.command("estimate", "o/strange").arg("--json"));
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("/o/strange/resolve/"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("loadmaster-"), "no temporary name: {}", refused.stderr);
}

#[test]
fn what_is_not_there_is_told() {
    let world = World::new();
    let missing = ended(&mut world.command("estimate", "o/nothing"));
    assert_eq!(missing.code, Some(4), "{}", missing.stderr);
    let unreachable = ended(world.command("estimate", "o/small").env("HF_ENDPOINT", "http://127.0.0.1:9"));
    assert_eq!(unreachable.code, Some(1), "{}", unreachable.stderr);
}
