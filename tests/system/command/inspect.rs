//! `loadmaster inspect` of the real model.

use crate::support::{loadmaster, smollm2};

use super::{empty_folder, ended};

#[test]
fn all_metadata_is_shown_with_long_arrays_cut() {
    let home = empty_folder();
    let printed = ended(loadmaster(home.path()).arg("inspect").arg(smollm2()).arg("--all")).printed();
    let line = |key: &str| printed.lines().find(|line| line.starts_with(key)).unwrap_or_default();
    assert!(line("llama.block_count").ends_with(" 30"), "{printed}");
    assert!(
        line("tokenizer.ggml.token_type").ends_with("[3, 3, 3, 3, 3, 3, 3, 3, and 49144 more]"),
        "{printed}"
    );
    assert!(line("tokenizer.chat_template").ends_with(" more characters"), "{printed}");
}

#[test]
fn metadata_and_tensors_are_told_as_json() {
    let home = empty_folder();
    let arguments = ["--all", "--tensors", "--json"];
    let json = ended(loadmaster(home.path()).arg("inspect").arg(smollm2()).args(arguments)).json();
    assert_eq!(json["metadata"]["llama.block_count"], 30);
    assert_eq!(json["metadata"]["tokenizer.ggml.tokens"]["count"], 49_152);
    assert_eq!(json["metadata"]["tokenizer.ggml.tokens"]["first"][0], "<|endoftext|>");
    assert_eq!(json["metadata"]["tokenizer.ggml.token_type"]["first"][0], 3);
    let tensors = json["tensors"].as_array().expect("a list");
    assert_eq!(tensors.len(), 272);
    let bytes: u64 = tensors.iter().filter_map(|tensor| tensor["bytes"].as_u64()).sum();
    assert_eq!(json["facts"]["tensor_bytes"], bytes);
    let embedding = tensors.iter().find(|tensor| tensor["name"] == "token_embd.weight").expect("it has one");
    assert_eq!((&embedding["type"], &embedding["shape"][0]), (&"Q8_0".into(), &576.into()));
}

#[test]
fn a_reader_that_closes_early_is_no_failure() {
    let home = empty_folder();
    for arguments in
        [&["inspect", "--tensors"][..], &["inspect", "--json"], &["completions", "bash"], &["probe"]]
    {
        let mut command = loadmaster(home.path());
        command.args(arguments);
        if arguments[0] == "inspect" {
            command.arg(smollm2());
        }
        let (reader, writer) = std::io::pipe().expect("there are pipes");
        drop(reader);
        let output = command.stdout(writer).output().expect("it starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && stderr.is_empty(), "{arguments:?}: {stderr}");
    }
}
