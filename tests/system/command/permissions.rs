//! A model that may not be read.

use std::{
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::Command,
};

use super::{empty_folder, ended};
use crate::support::{binary, loadmaster, process};

/// A user that owns nothing: `nobody`.
const NOBODY: u32 = 65534;

/// The command, as somebody whom permissions bind: root reads everything.
fn bound(folder: &Path) -> Command {
    let home = folder.join("home");
    fs::create_dir_all(&home).expect("the folder is ours");
    if !rustix::process::geteuid().is_root() {
        return loadmaster(&home);
    }
    // Nobody may not look into root's folders: program and home move to where everybody can.
    fs::set_permissions(folder, Permissions::from_mode(0o755)).expect("the folder is ours");
    fs::set_permissions(&home, Permissions::from_mode(0o777)).expect("the folder is ours");
    let program = folder.join("loadmaster");
    fs::copy(binary(), &program).expect("the folder is ours");
    let mut command = process(program);
    command.env_clear().env("LOADMASTER_HOME", home).uid(NOBODY).gid(NOBODY);
    command
}

#[test]
fn a_file_that_may_not_be_read_is_told_as_such() {
    let folder = empty_folder();
    let model = folder.path().join("private.gguf");
    fs::write(&model, "GGUF").unwrap();
    fs::set_permissions(&model, Permissions::from_mode(0o000)).unwrap();
    let cause = format!("{} cannot be loaded: no permission to read it", model.display());
    let remedy = "Give your user the right to read the file, or copy it to where you may read.";
    let ended_with = |arguments: &[&str]| {
        ended(bound(folder.path()).current_dir(folder.path()).args(arguments).arg("private.gguf"))
    };
    ended_with(&["run", "--json", "--", "private.gguf"]).failed(1, &cause, remedy);
    ended_with(&["serve", "--listen", "127.0.0.1:0", "--model"]).failed(1, &cause, remedy);
    let cause = "private.gguf cannot be used: no permission to read it";
    ended_with(&["inspect"]).failed(1, cause, remedy);
}
