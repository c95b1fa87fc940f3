//! A server that is not there, or does not start.

use super::{Folder, real_model, real_name};
use crate::{
    command::{empty_folder, ended, run_smollm2},
    support::llama_server,
};

#[test]
fn no_llama_server_is_installed() {
    let (folder, model) = (Folder::new(), real_model());
    let serve = ["serve", "--listen", "127.0.0.1:0", "--model", &model];
    for arguments in [&["run", &model, "Hi"][..], &serve] {
        ended(folder.command(arguments).env("PATH", folder.path("nothing"))).failed(
            4,
            "No llama-server was found",
            "Install one with `loadmaster binaries install llama`, or name the program with --llama-server PATH.",
        );
    }
}

#[test]
fn the_named_llama_server_is_not_there() {
    let (folder, model) = (Folder::new(), real_model());
    let (serve, nowhere) = (["serve", "--listen", "127.0.0.1:0", "--model", &model], folder.path("nowhere"));
    for arguments in [&["run", &model, "Hi"][..], &serve] {
        ended(folder.command(arguments).arg("--llama-server").arg(&nowhere)).failed(
            4,
            &format!("No llama-server was found at {nowhere}"),
            "Correct the path given by --llama-server, LOADMASTER_LLAMA_SERVER or the configuration.",
        );
    }
}

#[test]
fn a_flag_that_llama_server_does_not_know() {
    let home = empty_folder();
    ended(run_smollm2(home.path()).args(["--extra", "nonsense", "Hi"])).failed(
        2,
        &format!("The server of {} did not start: it does not accept '--nonsense'", real_name()),
        "Correct the flag; the server's own `--help` lists what this build knows.",
    );
}

/// A fake, because the real server says why it ends.
#[cfg(unix)]
#[test]
fn a_server_that_ends_without_a_word() {
    use std::{fs, os::unix::fs::PermissionsExt};

    let folder = Folder::new();
    let server = folder.path("silent-server");
    fs::write(&server, "#!/bin/sh\nexit 7\n").unwrap();
    fs::set_permissions(&server, fs::Permissions::from_mode(0o755)).unwrap();
    // Layers on the host alone: then nobody asks the server for its devices.
    let options = ["--gpu-layers", "0", "--llama-server", &server];
    ended(folder.command(&["run", &real_model(), "Hi"]).args(options)).failed(
        1,
        &format!("The server of {} did not start: it exited with code 7", real_name()),
        &format!(
            "Look at the server's last lines and its log; the next request starts it again. Logs are in {}.",
            folder.path("home/logs")
        ),
    );
}

#[test]
fn a_budget_that_is_too_small() {
    let (folder, model) = (Folder::new(), real_model());
    let server = llama_server().display().to_string();
    let run = ["run", &model, "Hi", "--ctx", "1024", "--gpu-layers", "0", "--llama-server", &server];
    let run = ended(folder.command(&run).args(["--budget", "host=100 MiB"]));
    assert_eq!((run.code, run.stdout.as_str()), (Some(3), ""), "{}", run.stderr);
    let (needed, remedy) = run
        .stderr
        .split_once(" and has 100.0 MiB left of a budget of 100.0 MiB\n  help: Free ")
        .unwrap_or_else(|| panic!("{}", run.stderr));
    let before = format!("error: '{}' does not fit: host needs ", real_name());
    assert!(needed.starts_with(&before) && needed.ends_with(" MiB"), "{}", run.stderr);
    let remedy = remedy.split_once(" MiB").map(|(_amount, remedy)| remedy);
    assert_eq!(remedy, Some(", ask for a shorter context (--ctx), or raise the budget.\n"));
}

#[test]
fn nothing_serves_where_it_is_asked() {
    let folder = Folder::new();
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for arguments in [&["ps"][..], &["stop", "any"]] {
        ended(folder.command(arguments).args(["--listen", &free])).failed(
            1,
            &format!("Loadmaster does not serve at {free}"),
            "Start it with `loadmaster serve`, or name its address with --listen.",
        );
    }
}

#[test]
fn an_address_that_is_taken() {
    let folder = Folder::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let serve = ended(&mut folder.command(&["serve", "--listen", &taken]));
    let told = format!("error: {taken} cannot be listened on: ");
    assert!(serve.stderr.starts_with(&told), "{}", serve.stderr);
    let remedy = "If Loadmaster serves there already, `loadmaster ps` shows it; else take another --listen.";
    assert!(serve.stderr.ends_with(&format!("\n  help: {remedy}\n")), "{}", serve.stderr);
    assert_eq!((serve.code, serve.stdout.as_str()), (Some(1), ""));
}
