//! Models that come into the library from this disk, and go.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use loadmaster_models::{
    Format, GcOptions, How, Import, Job, Kind, Library, Manifest, ModelName, ModelsError, Outcome, Place,
    Role, Step,
};
use tempfile::TempDir;

use crate::maker;

/// A library, and a folder beside it for the user's files.
fn library() -> (TempDir, Library, PathBuf) {
    let folder = tempfile::tempdir().expect("the test's world works");
    let library = Library::open(folder.path().join("models")).expect("the test's world works");
    let user = folder.path().join("user");
    (folder, library, user)
}

fn import(library: &Library, path: &Path) -> Manifest {
    library.import(Import::of(path), &Job::default()).expect("the test's world works")
}

/// A diffusion model of its own, with an autoencoder that all have.
fn with_vae(library: &Library, user: &Path, name: &str, seed: u64) -> Manifest {
    let model = maker::put(user, &format!("{name}.safetensors"), &maker::diffusion(1000, seed));
    let vae = maker::put(user, &format!("{name}-ae.safetensors"), &maker::vae(3000));
    let import = Import { components: vec![(Role::Vae, vae)], ..Import::of(model) };
    library.import(import, &Job::default()).expect("the test's world works")
}

#[test]
fn a_file_becomes_a_model_of_its_name() {
    let (_folder, library, user) = library();
    let path = maker::put(&user, "Tiny-Q4_K_M.gguf", &maker::llm(10_000, 1));
    let manifest = import(&library, &path);
    assert_eq!((manifest.name.as_str(), manifest.kind), ("Tiny-Q4_K_M", Kind::Llm));
    let facts = &manifest.facts;
    assert_eq!((facts.architecture.as_deref(), facts.context_length), (Some("llama"), Some(2048)));
    assert_eq!((facts.quantisation.as_deref(), facts.format), (Some("Q4_K_M"), Format::Gguf));
    assert_eq!(library.get("tiny-q4_k_m").unwrap(), manifest);
    let file = manifest.main_file(library.root()).unwrap();
    assert_eq!(fs::read(file).unwrap(), fs::read(&path).unwrap());
    // The manifest can be moved with its library, and has no tokenizer.
    let text = fs::read_to_string(library.root().join("Tiny-Q4_K_M/manifest.json")).unwrap();
    assert!(text.contains(r#""path": "Tiny-Q4_K_M.gguf""#) && !text.contains("token"), "{text}");
    let again = library.import(Import::of(&path), &Job::default());
    assert!(matches!(again, Err(ModelsError::Exists { name }) if name == "Tiny-Q4_K_M"));
    let listing = library.list().unwrap();
    assert_eq!((listing.models.len(), listing.damaged.len()), (1, 0));
    assert!(listing.models[0].missing.is_empty() && !listing.models[0].in_use);
}

#[test]
fn a_split_model_comes_whole_or_not_at_all() {
    let (_folder, library, user) = library();
    let files = maker::split_llm("big", 3, 5000);
    let first = maker::write(&user, &files);
    let manifest = import(&library, &user.join(&files[1].0));
    assert_eq!((manifest.name.as_str(), manifest.weights.len(), manifest.kind), ("big", 3, Kind::Llm));
    assert_eq!(manifest.size(), files.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>());
    assert!(manifest.main_file(library.root()).unwrap().ends_with("big-00001-of-00003.gguf"));
    assert_eq!(manifest.facts.parameter_count, Some(3750));
    fs::remove_file(user.join(&files[2].0)).unwrap();
    let other = Import { name: Some(ModelName::new("other").unwrap()), ..Import::of(first) };
    let error = library.import(other, &Job::default()).expect_err("the third file is not there");
    assert!(matches!(error, ModelsError::Gguf { .. }), "{error}");
    assert_eq!(library.list().unwrap().models.len(), 1);
}

#[test]
fn kinds_are_found_in_files_not_in_names() {
    use maker::V;
    let (_folder, library, user) = library();
    let gguf = |entries: &[(&str, V<'_>)]| maker::gguf(entries, &[("a.weight", 8)], 1);
    let bert = |pooling| {
        gguf(&[
            ("general.architecture", V::Str("bert")),
            ("bert.block_count", V::U32(1)),
            ("bert.pooling_type", V::U32(pooling)),
        ])
    };
    let cases: Vec<(&str, Vec<u8>, Kind)> = vec![
        ("a", bert(1), Kind::Embedding),
        ("b", bert(4), Kind::Reranker),
        ("c", gguf(&[("general.architecture", V::Str("clip"))]), Kind::VisionProjector),
        ("d", gguf(&[("general.type", V::Str("adapter"))]), Kind::Lora),
        ("e", gguf(&[("general.architecture", V::Str("t5encoder"))]), Kind::TextEncoder),
        ("f", maker::diffusion(10, 1), Kind::Diffusion),
        ("g", maker::vae(10), Kind::Vae),
        ("h", maker::safetensors(&[("x.lora_down.weight", 4)], 1), Kind::Lora),
    ];
    for (name, bytes, kind) in cases {
        let path = maker::put(&user, &format!("{name}.bin"), &bytes);
        assert_eq!(import(&library, &path).kind, kind, "{name}");
    }
    let checkpoint = maker::put(&user, "old.ckpt", b"PK\x03\x04archive/data.pkl");
    assert_eq!(import(&library, &checkpoint).facts.format, Format::Checkpoint);
    for (name, bytes) in [
        ("a.html", &b"<html>"[..]),
        ("empty.gguf", b""),
        ("a.zip", b"PK\x03\x04data"),
        ("cut.gguf", b"GGUF\x03"),
    ] {
        let path = maker::put(&user, name, bytes);
        let error = library.import(Import::of(&path), &Job::default()).expect_err(name);
        assert!(error.to_string().contains(name) && error.remedy().ends_with('.'), "{error}");
    }
}

#[test]
fn links_take_no_room_and_references_stay_where_they_are() {
    let (_folder, library, user) = library();
    let path = maker::put(&user, "a.gguf", &maker::llm(10_000, 1));
    let named =
        |name: &str, how| Import { name: Some(ModelName::new(name).unwrap()), how, ..Import::of(&path) };
    let linked = library.import(named("linked", How::HardLink), &Job::default()).unwrap();
    let referred = library.import(named("referred", How::Reference), &Job::default()).unwrap();
    assert!(matches!(&linked.weights[0].place, Place::Model { .. }));
    assert!(matches!(&referred.weights[0].place, Place::Outside { path: outside } if *outside == path));
    assert_eq!(linked.weights[0].sha256, referred.weights[0].sha256);
    if cfg!(unix) {
        let report = library.remove("linked").unwrap();
        assert!(report.freed < 2000, "{report:?}");
    }
    let report = library.remove("referred").unwrap();
    assert_eq!(report.outside, std::slice::from_ref(&path));
    assert!(path.exists());
}

#[test]
fn parts_are_shared_by_content_and_stay_for_as_long_as_they_are_needed() {
    let (_folder, library, user) = library();
    let (one, two) = (with_vae(&library, &user, "one", 1), with_vae(&library, &user, "two", 2));
    assert_eq!(one.components[0].file.place, two.components[0].file.place);
    assert_eq!(fs::read_dir(library.root().join("parts")).unwrap().count(), 1);
    let usage = library.disk_usage().unwrap();
    let vae = one.components[0].file.size;
    assert_eq!((usage.parts, usage.orphans, usage.models[0].shared, usage.models[0].parts), (vae, 0, vae, 0));

    let foretold = library.removal("ONE").unwrap();
    let report = library.remove("one").unwrap();
    assert_eq!(foretold, report);
    assert_eq!((report.kept.len(), report.kept[0].used_by.as_slice()), (1, &["two".to_owned()][..]));
    assert!(report.freed >= one.weights[0].size && report.freed < one.weights[0].size + vae);
    assert!(library.verify(&[library.get("two").unwrap()], &Job::default()).unwrap().is_intact());
    let foretold = library.removal("two").unwrap();
    let report = library.remove("TWO").unwrap();
    assert_eq!(foretold, report);
    assert!(report.kept.is_empty() && report.freed >= two.size());
    assert_eq!(fs::read_dir(library.root().join("parts")).unwrap().count(), 0);
}

#[test]
fn what_is_held_cannot_be_removed() {
    let (_folder, library, user) = library();
    import(&library, &maker::put(&user, "a.gguf", &maker::llm(1000, 1)));
    let hold = library.hold("a").unwrap();
    // As another process would open it.
    let other = Library::open(library.root()).unwrap();
    assert!(other.is_in_use("A") && other.list().unwrap().models[0].in_use);
    assert!(matches!(other.remove("a"), Err(ModelsError::InUse { .. })));
    drop(hold);
    other.remove("a").unwrap();
    assert!(matches!(library.hold("a"), Err(ModelsError::NoSuchModel { .. })));
    let error = library.remove("b").expect_err("there is none");
    assert!(matches!(error, ModelsError::NoSuchModel { .. }), "{error}");
}

#[test]
fn a_damaged_manifest_takes_nobody_down() {
    let (_folder, library, user) = library();
    let (one, two) = (with_vae(&library, &user, "one", 1), with_vae(&library, &user, "two", 2));
    let path = library.root().join("one/manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    let texts = [
        text[..text.len() / 2].to_owned(),
        String::new(),
        text.replace("one.safetensors", "../../one.safetensors"),
        text.replace("\"name\": \"one\"", "\"name\": \"two\""),
        text.replace("\"schema\": 1", "\"schema\": 99"),
    ];
    for text in texts {
        fs::write(&path, &text).unwrap();
        let listing = library.list().unwrap();
        assert_eq!((listing.models.len(), listing.damaged.len()), (1, 1), "{text}");
        let damaged = &listing.damaged[0];
        assert!(damaged.name == "one" && damaged.path == path && !damaged.remedy.is_empty(), "{damaged:?}");
        assert!(library.get("one").is_err() && library.get("two").unwrap() == two);
        // Its parts may be needed: none goes while nobody can tell.
        let report = library.gc(GcOptions::default()).unwrap();
        assert!(
            report.removed.is_empty() && report.kept.iter().any(|kept| kept.path.ends_with("one")),
            "{report:?}"
        );
    }
    assert!(matches!(library.get("one"), Err(ModelsError::NewerManifest { schema: 99, .. })));
    let report = library.remove("two").unwrap();
    assert_eq!(report.kept.len(), 1, "a damaged model may have the part");
    let report = library.remove("one").unwrap();
    assert!(report.freed >= one.weights[0].size && report.notes.len() == 1, "{report:?}");
    let report = library.gc(GcOptions::default()).unwrap();
    assert_eq!((report.removed.len(), report.freed), (1, one.components[0].file.size));
}

#[test]
fn gc_takes_what_nobody_needs_and_nothing_else() {
    let (_folder, library, user) = library();
    with_vae(&library, &user, "one", 1);
    let orphan = library.root().join("parts").join("0".repeat(64));
    maker::put(&orphan, "lost.safetensors", &[0; 500]);
    let unfinished = library.root().join(".staging/pull-1");
    maker::put(&unfinished, "half", &[0; 300]);
    maker::put(&library.root().join("notes"), "mine.txt", b"mine");
    let dry = library.gc(GcOptions { dry_run: true, ..GcOptions::default() }).unwrap();
    assert_eq!((dry.removed.len(), dry.freed, dry.removed[0].path == orphan), (1, 500, true));
    assert!(orphan.exists() && library.disk_usage().unwrap().orphans == 500);
    let report = library.gc(GcOptions { keep_unfinished: Duration::ZERO, ..GcOptions::default() }).unwrap();
    assert_eq!((report.removed.len(), report.freed), (2, 800));
    assert!(!orphan.exists() && !unfinished.exists() && library.root().join("notes/mine.txt").exists());
    assert!(library.verify(&[library.get("one").unwrap()], &Job::default()).unwrap().is_intact());
}

#[test]
fn verification_finds_every_kind_of_damage() {
    let (_folder, library, user) = library();
    let files = maker::split_llm("big", 4, 300_000);
    let model = import(&library, &maker::write(&user, &files));
    let (job, mut stream) = Job::stream();
    assert!(library.verify(std::slice::from_ref(&model), &job).unwrap().is_intact());
    drop(job);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let last = runtime.block_on(async { stream.next().await }).unwrap();
    assert_eq!((last.step, last.done, last.total), (Step::Verify, model.size(), Some(model.size())));

    let path = |index: usize| model.path(library.root(), &model.weights[index]);
    let mut bytes = fs::read(path(0)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(path(0), bytes).unwrap();
    fs::write(path(1), b"short").unwrap();
    fs::remove_file(path(2)).unwrap();
    let report = library.verify(std::slice::from_ref(&model), &Job::default()).unwrap();
    let outcomes: Vec<_> = report.files.iter().map(|file| &file.outcome).collect();
    assert!(matches!(outcomes[0], Outcome::WrongHash { .. }), "{outcomes:?}");
    assert!(matches!(outcomes[1], Outcome::WrongSize { actual: 5, .. }), "{outcomes:?}");
    assert_eq!((outcomes[2], outcomes[3]), (&Outcome::Missing, &Outcome::Intact));
    assert_eq!(library.list().unwrap().models[0].missing.len(), 2);

    let job = Job::default();
    job.cancel();
    assert!(matches!(library.verify(&[model], &job), Err(ModelsError::Cancelled)));
}

#[test]
fn what_is_called_off_or_fails_leaves_nothing() {
    let (_folder, library, user) = library();
    let path = maker::put(&user, "a.gguf", &maker::llm(3_000_000, 1));
    let stop = Job::default();
    let other = stop.clone();
    let job = Job::watched(move |_| other.cancel());
    drop(stop);
    job.cancel();
    assert!(matches!(library.import(Import::of(&path), &job), Err(ModelsError::Cancelled)));
    let missing = Import { components: vec![(Role::Vae, user.join("none"))], ..Import::of(&path) };
    assert!(matches!(library.import(missing, &Job::default()), Err(ModelsError::Disk { .. })));
    assert_eq!(fs::read_dir(library.root().join(".staging")).unwrap().count(), 0);
    assert_eq!((library.list().unwrap().models.len(), library.disk_usage().unwrap().unfinished), (0, 0));
}

#[test]
fn two_at_once_make_one_model() {
    let (_folder, library, user) = library();
    let path = maker::put(&user, "a.gguf", &maker::llm(500_000, 1));
    let tries = std::thread::scope(|scope| {
        let one =
            || scope.spawn(|| Library::open(library.root())?.import(Import::of(&path), &Job::default()));
        let threads: Vec<_> = (0..4).map(|_| one()).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(tries.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(tries.iter().all(|result| matches!(result, Ok(_) | Err(ModelsError::Exists { .. }))));
    assert!(library.verify(&[library.get("a").unwrap()], &Job::default()).unwrap().is_intact());
}
