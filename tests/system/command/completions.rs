//! Scripts that complete the command in a shell.

use super::{empty_folder, ended};
use crate::support::loadmaster;

fn script(shell: &str) -> String {
    let home = empty_folder();
    ended(loadmaster(home.path()).args(["completions", shell])).printed()
}

#[test]
fn every_shell_learns_the_commands_and_their_options() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = script(shell);
        for word in ["serve", "inspect", "gpu-layers"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
}

#[cfg(unix)]
#[test]
fn bash_can_read_its_script() {
    use crate::support::process;

    let folder = empty_folder();
    let file = folder.path().join("loadmaster.bash");
    std::fs::write(&file, script("bash")).unwrap();
    ended(process("bash").arg("-n").arg(&file)).printed();
    // Bash does the work of the Tab key, and must find the one command that begins so.
    let tab = r#"source "$0"; COMP_WORDS=(loadmaster ins); COMP_CWORD=1; _loadmaster loadmaster ins loadmaster
                 echo "${COMPREPLY[*]}""#;
    assert_eq!(ended(process("bash").args(["-c", tab]).arg(&file)).printed(), "inspect\n");
}
