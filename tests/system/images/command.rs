//! `loadmaster image`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

use crate::{
    command::ended,
    support::{loadmaster, sd_cli, sd_lora, sd_model, sd_server, smollm2, wait_until},
};

/// The command, on a small model whose parts the configuration names, in the folder `home`.
fn image(home: &Path, arguments: &[&str]) -> Command {
    let text = format!(
        "[models.micro]\nfile = '{}'\nsettings.components = {{ taesd = '{}' }}\n[backends.sd]\nserver = '{}'\ncli = '{}'\n",
        sd_model("micro.safetensors").display(),
        sd_model("micro-tae.safetensors").display(),
        sd_server().display(),
        sd_cli().display(),
    );
    fs::write(home.join("config.toml"), text).expect("it is ours");
    let mut command = loadmaster(home);
    command.args(["image", "micro"]).args(arguments).current_dir(home);
    command
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder for the test")
}

/// The files that are images, or that would be.
fn images(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).expect("it is ours").flatten().map(|entry| entry.file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    let mut names: Vec<String> =
        names.filter(|name| name.starts_with(".loadmaster-") || name.contains("png")).collect();
    names.sort();
    names
}

#[test]
fn one_image_goes_into_its_file() {
    let home = folder();
    let made = ended(&mut image(
        home.path(),
        &["a cat", "-o", "cat.png", "--size", "64x64", "--steps", "2", "--seed", "5"],
    ));
    assert_eq!((made.code, made.stdout.as_str()), (Some(0), "cat.png\n"), "{made:?}");
    assert!(made.stderr.starts_with("64x64, seed 5, after "), "{made:?}");
    let bytes = fs::read(home.path().join("cat.png")).expect("it is there");
    assert!(bytes.starts_with(b"\x89PNG") && bytes.ends_with(b"IEND\xaeB`\x82"), "{} bytes", bytes.len());
    assert_eq!(images(home.path()), ["cat.png"]);
    // It is left alone when that is wanted, and before anything is started.
    let refused = ended(&mut image(home.path(), &["a cat", "-o", "cat.png", "--no-clobber"]));
    refused.failed(
        1,
        "cat.png is there already",
        "Name another file with --output, or leave --no-clobber out.",
    );
}

#[test]
fn a_batch_has_numbers_and_the_json_tells_of_each() {
    let home = folder();
    let arguments = [
        "a cat",
        "-o",
        "out_%d.png",
        "--batch",
        "2",
        "--size",
        "64x64",
        "--steps",
        "1",
        "--seed",
        "5",
        "--json",
    ];
    let made = ended(&mut image(home.path(), &arguments)).json();
    assert_eq!(images(home.path()), ["out_1.png", "out_2.png"]);
    assert_eq!(made["model"], "micro");
    let told: Vec<_> = made["images"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| (one["file"].clone(), one["seed"].clone()))
        .collect();
    assert_eq!(told, [("out_1.png".into(), 5.into()), ("out_2.png".into(), 6.into())]);
    assert_eq!(made["parameters"]["steps"], 1, "{made}");
    assert!(made["timings"]["total_ms"].as_u64() > Some(0), "{made}");
}

fn process_id(number: u64) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}

/// The program that the journal of children in `home` has.
pub(super) fn started(home: &Path) -> Option<Pid> {
    let entry = fs::read_dir(home.join("state/children/sd")).ok()?.flatten().next()?;
    let entry: Value = serde_json::from_slice(&fs::read(entry.path()).ok()?).ok()?;
    entry["child"]["pid"].as_u64().and_then(process_id)
}

/// A `LoRA` that was imported with its model is named by its file, and changes the image in both ways alike.
#[test]
fn a_lora_of_the_library_is_applied() {
    let home = folder();
    let part = |role: &str, file: PathBuf| format!("{role}={}", file.display());
    let mut import = loadmaster(home.path());
    import.arg("import").arg(sd_model("tiny.safetensors")).args(["--name", "tiny"]);
    import.args(["--component", &part("taesd", sd_model("micro-tae.safetensors"))]);
    import.args(["--component", &part("lora", sd_lora("micro-style.safetensors"))]);
    let imported = ended(&mut import);
    assert_eq!(imported.code, Some(0), "{imported:?}");
    let paint = |mode: &str, more: &[&str]| {
        let text = format!(
            "[models.tiny]\nsettings = {{ mode = {mode:?} }}\n[backends.sd]\nserver = '{}'\ncli = '{}'\n",
            sd_server().display(),
            sd_cli().display(),
        );
        fs::write(home.path().join("config.toml"), text).expect("it is ours");
        let mut command = loadmaster(home.path());
        command.args(["image", "tiny", "a cat", "-o", "cat.png", "--size", "64x64", "--steps", "2"]);
        let made = ended(command.args(["--seed", "5"]).args(more).current_dir(home.path()));
        (made, fs::read(home.path().join("cat.png")).unwrap_or_default())
    };
    let [resident, one_shot] = ["resident", "one-shot"].map(|mode| {
        let (made, plain) = paint(mode, &[]);
        assert_eq!(made.code, Some(0), "{made:?}");
        let (made, styled) = paint(mode, &["--lora", "micro-style:0.5"]);
        assert_eq!(made.code, Some(0), "{made:?}");
        assert_ne!(plain, styled);
        paint(mode, &["--lora", "oil"]).0.failed(2, "loras does not know 'oil'", "Take one of: micro-style.");
        styled
    });
    assert_eq!(resident, one_shot);
}

#[test]
fn ctrl_c_ends_it_and_leaves_no_half_file() {
    let home = folder();
    let mut command = image(
        home.path(),
        &["a cat", "-o", "cat.png", "--size", "256x256", "--steps", "100", "--batch", "8"],
    );
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the command starts");
    let mut program = None;
    wait_until("no program was started", Duration::from_secs(30), || {
        program = started(home.path());
        program.is_some()
    });
    kill_process(process_id(child.id().into()).expect("it has a number"), Signal::INT).expect("it runs");
    assert_eq!(child.wait().expect("it is reaped").code(), Some(130));
    assert_eq!(images(home.path()), [] as [String; 0]);
    let program = program.expect("it was found");
    wait_until("its program runs on", Duration::from_secs(10), || test_kill_process(program).is_err());
}

#[test]
fn what_cannot_be_is_said_before_anything_starts() {
    let home = folder();
    let cause = "The model 'SmolLM2-135M-Instruct.Q4_1' makes no images";
    let mut text_model = loadmaster(home.path());
    text_model.arg("image").arg(smollm2()).arg("a cat");
    ended(&mut text_model).failed(2, cause, "`loadmaster run` chats with it.");
    let batch = ended(&mut image(home.path(), &["a cat", "-o", "-", "--batch", "2"]));
    batch.failed(2, "Standard output takes one image, and nothing else", "Name a file with --output.");
    let place = ended(&mut image(home.path(), &["a cat", "-o", "gone/cat.png"]));
    place.failed(4, "There is no folder gone", "Make it, or name another place with --output.");
    let mut chat = loadmaster(home.path());
    chat.arg("run").arg(sd_model("micro.safetensors")).arg("Hi");
    ended(&mut chat).failed(
        2,
        "The model 'micro' makes images, and does not chat",
        "`loadmaster image` makes some with it.",
    );
}
