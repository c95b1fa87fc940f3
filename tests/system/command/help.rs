//! What the command says of itself.

use super::{empty_folder, ended};
use crate::support::loadmaster;

const COMMANDS: [&str; 28] = [
    "run",
    "image",
    "serve",
    "pull",
    "import",
    "list",
    "show",
    "verify",
    "rm",
    "gc",
    "ps",
    "top",
    "start",
    "plan",
    "stop",
    "logs",
    "events",
    "panel",
    "settings",
    "budget",
    "hold",
    "probe",
    "inspect",
    "estimate",
    "binaries",
    "doctor",
    "reload",
    "completions",
];

fn help(arguments: &[&str]) -> String {
    let home = empty_folder();
    ended(loadmaster(home.path()).args(arguments)).printed()
}

#[test]
fn the_front_page_names_every_command_and_the_exit_codes() {
    let page = help(&["-h"]);
    for command in COMMANDS {
        assert!(page.contains(&format!("\n  {command} ")), "{command} is missing:\n{page}");
    }
    assert!(page.ends_with(
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not enough memory, 4 not found, 130 interrupted.\n"
    ));
}

#[test]
fn short_help_has_a_commands_own_options_and_long_help_has_all() {
    for command in COMMANDS {
        let (short, long) = (help(&[command, "-h"]), help(&[command, "--help"]));
        assert!(!short.contains("--home"), "{short}");
        assert!(long.contains("--home") && long.contains("LOADMASTER_HOME"), "{long}");
        assert!(short.lines().count() <= 45, "{command} -h does not fit a screen:\n{short}");
    }
    assert!(help(&["run", "-h"]).contains("--gpu-layers"));
    assert!(!help(&["probe", "-h"]).contains("--budget"));
}

#[test]
fn flags_of_models_are_told_apart_by_what_the_models_are_for() {
    for command in ["serve", "start", "plan", "estimate"] {
        let long = help(&[command, "--help"]);
        let at = |text: &str| long.find(text).unwrap_or_else(|| panic!("{text} is missing:\n{long}"));
        assert!(at("\nLanguage models:\n") < at("--ctx"), "{long}");
        assert!(
            at("--ctx") < at("\nImage models:\n") && at("\nImage models:\n") < at("--vae-tiling"),
            "{long}"
        );
    }
    let (run, image) = (help(&["run", "--help"]), help(&["image", "--help"]));
    assert!(run.contains("--ctx") && !run.contains("--vae-tiling"), "{run}");
    assert!(image.contains("--vae-tiling") && !image.contains("--ctx"), "{image}");
    // How an image is made is its request's to say, once.
    assert_eq!(image.matches("--steps <N>").count(), 1, "{image}");
    for flag in ["--pixels", "--edits"] {
        assert!(!image.contains(flag), "{flag}:\n{image}");
    }
}

#[test]
fn the_version_is_the_packages() {
    assert_eq!(help(&["--version"]), format!("loadmaster {}\n", env!("CARGO_PKG_VERSION")));
}
