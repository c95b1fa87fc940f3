//! Models of other programs, in folders laid out as theirs, taken over where they are.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Stdio,
};

use loadmaster_models::Sha256;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Ended, empty_folder, ended};
use crate::support::{llama_server, loadmaster, smollm2};

/// A home of the user's, in which other programs keep models.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(empty_folder())
    }

    fn import(&self, from: &str, arguments: &[&str]) -> Ended {
        let mut import = loadmaster(self.0.path());
        for name in ["OLLAMA_MODELS", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"] {
            import.env_remove(name);
        }
        ended(import.args(["import", "--from", from]).args(arguments).env("HOME", self.0.path()))
    }

    /// Puts the real model at `path` without copying it.
    fn put_model(&self, path: &str) -> PathBuf {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("folders can be made");
        // On one disk it is a file like any other; else a link has to do.
        if fs::hard_link(smollm2(), &path).is_err() {
            symlink(smollm2(), &path).expect("links can be made");
        }
        path
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("folders can be made");
        fs::write(path, text).expect("it can be written");
    }

    /// Takes in the one model that `from` offers, and uses and removes it: the other program's file stays.
    #[track_caller]
    fn adopt(&self, from: &str, name: &str, file: &Path) {
        let offered = self.import(from, &["--json"]).json();
        assert_eq!(offered["problems"], json!([]));
        let names: Vec<&Value> = offered["models"].as_array().expect("a list").iter().collect();
        assert_eq!((names.len(), &names[0]["name"]), (1, &json!(name)), "{offered}");
        let told = self.import(from, &[]).printed();
        assert!(told.contains(name) && told.contains("it stays where it is"), "{told}");
        let manifest = self.import(from, &["--json", name]).json();
        assert_eq!(manifest["weights"][0]["in"], "outside", "{manifest}");
        assert_eq!(manifest["weights"][0]["path"], json!(file));
        assert_eq!(manifest["facts"]["architecture"], "llama");

        let listed = ended(loadmaster(self.0.path()).args(["list", "--json"])).json();
        assert_eq!(
            (&listed["models"][0]["fits"], &listed["models"][0]["missing"]),
            (&json!(true), &json!([]))
        );
        let library = listed["disk"]["usage"]["total"].as_u64().expect("it is a number");
        assert!(library < 100_000, "{library} bytes were copied");
        let verified = ended(loadmaster(self.0.path()).args(["verify", name])).printed();
        assert!(verified.contains(": intact\n"), "{verified}");
        let mut run = loadmaster(self.0.path());
        run.args(["run", name, "Hi", "--json", "--max-tokens", "1", "--ctx", "256"]);
        assert_eq!(ended(run.arg("--llama-server").arg(llama_server())).json()["model"], name);
        let removed = ended(loadmaster(self.0.path()).args(["rm", name])).printed();
        assert!(removed.contains("it is not the library's\n") && file.exists(), "{removed}");
        let cause = format!("{from} has no model 'none' here");
        let remedy = format!("`loadmaster import --from {from}` lists what it has.");
        self.import(from, &["none"]).failed(4, &cause, &remedy);
    }
}

fn hash() -> Sha256 {
    Sha256::of(&fs::read(smollm2()).expect("the model is there"))
}

#[test]
fn ollamas_by_manifests_and_blobs() {
    let home = Home::new();
    let (hash, size) = (hash(), fs::metadata(smollm2()).expect("it is there").len());
    let blob = home.put_model(&format!(".ollama/models/blobs/sha256-{hash}"));
    let layer = |kind: &str, digest: &str, size: u64| json!({ "mediaType": format!("application/vnd.ollama.image.{kind}"), "digest": digest, "size": size });
    let template = Sha256::of(b"{{ .Prompt }}");
    home.put(&format!(".ollama/models/blobs/sha256-{template}"), "{{ .Prompt }}");
    let layers = [
        layer("model", &format!("sha256:{hash}"), size),
        layer("template", &format!("sha256:{template}"), 13),
    ];
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": layer("config", &format!("sha256:{template}"), 13), "layers": layers,
    });
    home.put(".ollama/models/manifests/registry.ollama.ai/library/smollm2/135m", &manifest.to_string());
    home.adopt("ollama", "smollm2-135m", &blob);
}

#[test]
fn lm_studios_by_publishers_and_models() {
    let home = Home::new();
    let file = home.put_model(".lmstudio/models/maker/SmolLM2-GGUF/SmolLM2-135M-Q4_1.gguf");
    home.put(".lmstudio/models/maker/SmolLM2-GGUF/README.md", "# SmolLM2");
    home.adopt("lmstudio", "SmolLM2-135M-Q4_1", &file);
}

#[test]
fn hugging_faces_by_snapshots_of_links() {
    let home = Home::new();
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let repo = ".cache/huggingface/hub/models--maker--SmolLM2-GGUF";
    let hash = hash();
    home.put_model(&format!("{repo}/blobs/{hash}"));
    home.put(&format!("{repo}/refs/main"), commit);
    let snapshot = home.0.path().join(repo).join("snapshots").join(commit);
    fs::create_dir_all(&snapshot).expect("folders can be made");
    let file = snapshot.join("SmolLM2-135M-Q4_1.gguf");
    symlink(format!("../../blobs/{hash}"), &file).expect("links can be made");
    home.adopt("huggingface", "SmolLM2-135M-Q4_1", &file);
}

#[test]
fn two_at_once_take_it_in_once() {
    let home = Home::new();
    home.put_model(".lmstudio/models/maker/SmolLM2-GGUF/small.gguf");
    let import = || {
        let mut import = loadmaster(home.0.path());
        import.args(["import", "--from", "lmstudio", "small", "--json"]).env("HOME", home.0.path());
        import.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the command starts")
    };
    let started = [import(), import(), import()];
    let ended_all = started.map(|child| child.wait_with_output().expect("it ends"));
    assert_eq!(ended_all.iter().filter(|output| output.status.success()).count(), 1);
    for output in ended_all.iter().filter(|output| !output.status.success()) {
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("remove that model first with `loadmaster rm`"), "{told}");
    }
    let listed = ended(loadmaster(home.0.path()).args(["list", "--json"])).json();
    assert_eq!((listed["models"].as_array().map(Vec::len), &listed["damaged"]), (Some(1), &json!([])));
    assert_eq!(listed["disk"]["usage"]["unfinished"], 0);
}

#[test]
fn other_files_of_a_model_are_taken_in_with_it() {
    let home = empty_folder();
    let model = smollm2().display().to_string();
    let mut import = loadmaster(home.path());
    import.args(["import", &model, "--reference", "--name", "pair", "--json"]);
    let manifest = ended(import.args(["--component", &format!("draft={model}")])).json();
    assert_eq!(manifest["components"][0]["role"], "draft");
    let shown = ended(loadmaster(home.path()).args(["show", "pair"])).printed();
    assert!(shown.contains("setting draft") && shown.contains("one of its files"), "{shown}");
    let mut run = loadmaster(home.path());
    run.args(["run", "pair", "Count to five.", "--json", "--max-tokens", "8", "--ctx", "256"]);
    let answer = ended(run.arg("--llama-server").arg(llama_server())).json();
    assert_eq!(answer["plan"]["settings"]["draft"]["file"], model);
    assert!(answer["timings"]["draft_n"].as_u64().is_some_and(|drafted| drafted > 0), "{answer}");
    let mut wrong = loadmaster(home.path());
    let told = ended(wrong.args(["import", &model, "--component", "unet=x"]));
    assert!(told.code == Some(2) && told.stderr.contains("there is no role 'unet'"), "{}", told.stderr);
}
