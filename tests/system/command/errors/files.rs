//! Model files that cannot be used.

use std::fs;

use super::Folder;
use crate::{command::ended, support::smollm2};

#[test]
fn a_file_that_is_not_there() {
    let folder = Folder::new();
    let cause = format!("There is no file {}", folder.path("missing.gguf"));
    folder.refused("missing.gguf", &[], 4, &cause, "Check the path.");
    ended(&mut folder.command(&["inspect", "missing.gguf"])).failed(
        4,
        "There is no file missing.gguf",
        "Check the path; relative paths start at the current folder.",
    );
}

/// Checks a file that is there and is no model.
#[track_caller]
fn check_unusable(folder: &Folder, name: &str, why: &str, remedy: &str) {
    let cause = format!("{} cannot be loaded: {why}", folder.path(name));
    folder.refused(name, &[], 1, &cause, remedy);
    let cause = format!("{name} cannot be used: {why}");
    ended(&mut folder.command(&["inspect", name])).failed(1, &cause, remedy);
}

#[test]
fn a_text_file() {
    let remedy = "Check where the file came from: a server's page or message may have been saved in place of \
                  the model (a missing login, or a link to the page about the file).";
    check_unusable(&Folder::new(), "page.gguf", "not a GGUF file: it is a text file", remedy);
}

#[test]
fn a_folder() {
    let remedy = "Name the .gguf file inside the folder.";
    check_unusable(&Folder::new(), "folder.gguf", "it is a folder, not a file", remedy);
}

const GO_ON: &str = "The download did not finish: continue it or download the file again.";

#[test]
fn a_header_that_is_cut() {
    let folder = Folder::new();
    folder.cut_model("cut.gguf", 20);
    let why = "the file ends within its header: it has 20 bytes, the header takes at least 24";
    check_unusable(&folder, "cut.gguf", why, GO_ON);
}

#[test]
fn data_that_is_cut() {
    let folder = Folder::new();
    let (whole, part) = (fs::metadata(smollm2()).unwrap().len(), 4 << 20);
    folder.cut_model("cut.gguf", part);
    let why = format!("the file is incomplete: it has {part} bytes of {whole}");
    let cause = format!("{} cannot be loaded: {why}", folder.path("cut.gguf"));
    folder.refused("cut.gguf", &[], 1, &cause, GO_ON);

    // Its header is whole, and is what was asked for.
    let inspected = ended(&mut folder.command(&["inspect", "cut.gguf"]));
    let told = format!("error: cut.gguf cannot be used: {why}\n  help: {GO_ON}\n");
    assert_eq!((inspected.code, inspected.stderr), (Some(1), told));
    assert!(inspected.stdout.contains("\narchitecture      llama\n"), "{}", inspected.stdout);
    let inspected = ended(&mut folder.command(&["inspect", "--json", "cut.gguf"]));
    let json: serde_json::Value = serde_json::from_str(&inspected.stdout).expect("it is JSON");
    assert_eq!((&json["complete"], &json["cause"]), (&false.into(), &why.into()));
}
