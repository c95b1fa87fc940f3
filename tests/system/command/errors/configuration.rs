//! A configuration file that is wrong.

use std::fs;

use super::{Folder, real_model};
use crate::command::ended;

const CORRECT: &str = "Correct the file, or name another one with --config.";

/// Checks what `run` and `serve` say of the configuration `text`. `{file}` in `cause` is its path.
#[track_caller]
fn check(text: &str, cause: &str, remedy: &str) {
    let (folder, model) = (Folder::new(), real_model());
    fs::create_dir(folder.path("home")).expect("the folder is writable");
    let file = folder.path("home/config.toml");
    fs::write(&file, text).expect("the folder is writable");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--model", &model];
    for arguments in [&["run", &model, "Hi"][..], &serve] {
        ended(&mut folder.command(arguments)).failed(2, &cause.replace("{file}", &file), remedy);
    }
}

#[test]
fn a_key_that_there_is_not() {
    let cause = "The configuration {file} is wrong: in line 2, unknown field `lisen`, expected one of `listen`, \
                 `token_file`, `allow_origins`, `log`, `drain`, `turn`, `wait`, `hang`, `network`, `binaries`, `budgets`, \
                 `models`, `backends`, `resume`";
    check("# A comment.\nlisen = 1\n", cause, CORRECT);
}

#[test]
fn a_value_of_another_kind() {
    let cause = "The configuration {file} is wrong: in line 1, invalid type: integer `1`, expected a string";
    check("listen = 1\n", cause, CORRECT);
}

#[test]
fn a_file_that_is_not_toml() {
    let cause = "The configuration {file} is wrong: in line 1, key with no value, expected `=`";
    check("listen\n", cause, CORRECT);
}

#[test]
fn a_budget_that_is_no_amount() {
    let cause = "The configuration {file} is wrong: in [budgets], host: 'lots' is not an amount of memory; write \
                 it like 12 GiB, 1.5 GiB, 800 MiB or 4096 B";
    check("[budgets]\nhost = 'lots'\n", cause, CORRECT);
}

#[test]
fn a_backend_that_there_is_not() {
    let cause = "The configuration has a section [backends.lama], and there is no such backend";
    check("[backends.lama]\nserver = '/x'\n", cause, "This program has llama, sd.");
}

#[test]
fn a_key_that_the_backend_does_not_have() {
    let cause = "The llama backend cannot be used: The section [backends.llama] of the configuration is wrong: \
                 unknown field `srever`, expected one of `server`, `transport`, `parent_death_signal`, `ask`, `conversations`";
    check("[backends.llama]\nsrever = '/x'\n", cause, "Correct the configuration file.");
}

#[test]
fn a_named_file_that_is_not_there() {
    let folder = Folder::new();
    let file = folder.path("nowhere.toml");
    ended(&mut folder.command(&["--config", &file, "probe"])).failed(
        4,
        &format!("There is no configuration file {file}"),
        "Correct --config or LOADMASTER_CONFIG.",
    );
}
