//! Models of other programs, in folders laid out as theirs.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use loadmaster_models::{How, Job, Library, Origin, Place, Role, Sha256};

use crate::maker;

/// Every file below a folder, with its bytes.
fn everything(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("the test's world works") {
        let path = entry.expect("the test's world works").path();
        if path.is_dir() {
            found.extend(everything(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).expect("the test's world works"));
        }
    }
    found
}

/// Takes in all that a scan finds, by reference, and looks that nothing changed over there; the names, in order.
fn adopt(origin: Origin, folder: &Path) -> (Library, tempfile::TempDir, Vec<String>) {
    let before = everything(folder);
    let place = tempfile::tempdir().expect("the test's world works");
    let library = Library::open(place.path()).expect("the test's world works");
    let scan = origin.scan(folder).expect("the test's world works");
    let mut names = Vec::new();
    for found in &scan.models {
        let manifest =
            library.import(found.import(How::Reference), &Job::default()).expect("the test's world works");
        assert!(manifest.files().all(|file| matches!(file.place, Place::Outside { .. })));
        assert_eq!(manifest.size(), found.size + component_bytes(&found.components, origin));
        names.push(manifest.name.to_string());
    }
    let models: Vec<_> = library
        .list()
        .expect("the test's world works")
        .models
        .into_iter()
        .map(|listed| listed.manifest)
        .collect();
    assert!(library.verify(&models, &Job::default()).expect("the test's world works").is_intact());
    for name in &names {
        library.remove(name).expect("the test's world works");
    }
    assert_eq!(everything(folder), before);
    (library, place, names)
}

/// Ollama's manifests count components; elsewhere they are files beside.
fn component_bytes(components: &[(Role, PathBuf)], origin: Origin) -> u64 {
    let bytes = |(_, path): &(Role, PathBuf)| fs::metadata(path).expect("the test's world works").len();
    if origin == Origin::Ollama { 0 } else { components.iter().map(bytes).sum() }
}

/// Writes a blob as Ollama does; returns its layer.
fn layer(folder: &Path, kind: &str, bytes: &[u8]) -> String {
    let hash = Sha256::of(bytes);
    maker::put(&folder.join("blobs"), &format!("sha256-{hash}"), bytes);
    let size = bytes.len();
    format!(r#"{{"mediaType":"application/vnd.ollama.image.{kind}","digest":"sha256:{hash}","size":{size}}}"#)
}

#[test]
fn ollamas_models_are_found_by_their_manifests() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let put = |path: &str, tag: &str, layers: &[String]| {
        let text = format!(r#"{{"schemaVersion":2,"config":{{}},"layers":[{}]}}"#, layers.join(","));
        maker::put(&root.join("manifests").join(path), tag, text.as_bytes());
    };
    let model = layer(root, "model", &maker::llm(5000, 1));
    let template = layer(root, "template", b"{{ .Prompt }}");
    put("registry.ollama.ai/library/llama3.2", "1b", &[model.clone(), template.clone()]);
    put(
        "registry.ollama.ai/library/llava",
        "latest",
        &[model.clone(), layer(root, "projector", &maker::llm(900, 2))],
    );
    put("hf.co/owner/repo", "Q4_K_M", &[model]);
    put("registry.ollama.ai/library/cloud", "latest", &[template]);
    let missing = format!(
        r#"{{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:{}","size":1}}"#,
        "0".repeat(64)
    );
    put("registry.ollama.ai/library/broken", "latest", &[missing]);
    let evil =
        r#"{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:../../etc/passwd","size":1}"#;
    put("registry.ollama.ai/library/evil", "latest", &[evil.to_owned()]);
    maker::put(&root.join("manifests/registry.ollama.ai/library/half"), "latest", b"{\"layers\": [");

    let scan = Origin::Ollama.scan(root).unwrap();
    assert_eq!(scan.problems.len(), 4, "{:?}", scan.problems);
    assert_eq!(scan.models[2].components[0].0, Role::Mmproj);
    let (_, _place, names) = adopt(Origin::Ollama, root);
    assert_eq!(names, ["hf.co-owner-repo-Q4_K_M", "llama3.2-1b", "llava"]);
}

#[test]
fn lm_studios_models_are_found_by_their_folders() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    maker::put(&root.join("lmstudio-community/tiny-GGUF"), "tiny-Q4_K_M.gguf", &maker::llm(3000, 1));
    maker::put(&root.join("lmstudio-community/tiny-GGUF"), "mmproj-tiny-F16.gguf", &maker::llm(800, 2));
    maker::write(&root.join("owner/big/Q8_0"), &maker::split_llm("big-Q8_0", 3, 2000));
    maker::put(root, "README.txt", b"not a model");
    let (_, _place, names) = adopt(Origin::LmStudio, root);
    assert_eq!(names, ["big-Q8_0", "tiny-Q4_K_M"]);
    let scan = Origin::LmStudio.scan(root).unwrap();
    assert_eq!(scan.models[0].source.repo.as_deref(), Some("owner/big"));
    assert_eq!((scan.models[0].components.len(), scan.models[1].components.len()), (0, 1));
    assert!(scan.models[0].size > 6000);
}

#[cfg(unix)]
#[test]
fn hugging_faces_cache_is_found_by_its_snapshots() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let (old, new) = ("0".repeat(40), "1".repeat(40));
    let repo = root.join("models--owner--sd--v1");
    let put = |commit: &str, name: &str, bytes: &[u8]| {
        let hash = Sha256::of(bytes).to_string();
        let blob = maker::put(&repo.join("blobs"), &hash, bytes);
        let path = repo.join("snapshots").join(commit).join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(blob, path).unwrap();
    };
    put(&old, "old.gguf", &maker::llm(100, 1));
    for (name, bytes) in maker::split_llm("big-Q4_K_M", 2, 3000) {
        put(&new, &format!("gguf/{name}"), &bytes);
    }
    put(&new, "sd.safetensors", &maker::safetensors(&[("model.diffusion_model.x", 100)], 1));
    put(&new, "unet/diffusion.safetensors", &maker::diffusion(100, 2));
    put(&new, "unet/config.json", b"{}");
    put(&new, "model.safetensors", &maker::safetensors(&[("model.layers.0.x", 100)], 3));
    maker::put(&repo.join("refs"), "main", new.as_bytes());
    maker::put(&root.join("datasets--owner--x"), "y.gguf", &maker::llm(100, 1));
    maker::put(&root.join("models--owner--empty/refs"), "main", b"../../../etc");

    let scan = Origin::HuggingFace.scan(root).unwrap();
    let (_, _place, names) = adopt(Origin::HuggingFace, root);
    assert_eq!(names, ["big-Q4_K_M", "sd"]);
    let source = &scan.models[0].source;
    assert_eq!(
        (source.repo.as_deref(), source.commit.as_deref()),
        (Some("owner/sd--v1"), Some(new.as_str()))
    );
    assert_eq!((source.revision.as_deref(), scan.models[0].known.len()), (Some("main"), 2));
    // Copying takes the bytes, not the links.
    let library = Library::open(root.join("library")).unwrap();
    let manifest = library.import(scan.models[1].import(How::Copy), &Job::default()).unwrap();
    fs::remove_dir_all(&repo).unwrap();
    assert_eq!(manifest.kind.to_string(), "diffusion");
    assert!(library.verify(&[manifest], &Job::default()).unwrap().is_intact());
}

#[test]
fn folders_are_those_that_the_programs_would_use() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    for path in [".ollama/models", ".cache/lm-studio/models", "hf/hub", ".cache/huggingface/hub", "other"] {
        fs::create_dir_all(home.join(path)).unwrap();
    }
    let none = |_: &str| None;
    assert_eq!(Origin::HuggingFace.folders(home, &none), [home.join(".cache/huggingface/hub")]);
    assert_eq!(Origin::LmStudio.folders(home, &none), [home.join(".cache/lm-studio/models")]);
    // One that was moved comes first, and once.
    fs::create_dir_all(home.join("moved/models")).unwrap();
    for (moved, folders) in [
        ("moved\n", vec!["moved/models", ".cache/lm-studio/models"]),
        (".cache/lm-studio", vec![".cache/lm-studio/models"]),
        ("gone", vec![".cache/lm-studio/models"]),
    ] {
        fs::write(home.join(".lmstudio-home-pointer"), moved).unwrap();
        let expected: Vec<PathBuf> = folders.into_iter().map(|folder| home.join(folder)).collect();
        assert_eq!(Origin::LmStudio.folders(home, &none), expected);
    }
    assert!(Origin::Ollama.folders(home, &none).contains(&home.join(".ollama/models")));
    let set = |name: &str| match name {
        "HF_HOME" => Some(home.join("hf")),
        "OLLAMA_MODELS" => Some(home.join("other")),
        _ => None,
    };
    assert_eq!(Origin::HuggingFace.folders(home, &set), [home.join("hf/hub")]);
    assert_eq!(Origin::Ollama.folders(home, &set), [home.join("other")]);
    assert!("Ollama".parse::<Origin>().is_ok() && "jan".parse::<Origin>().is_err());
}
