//! Commands to a running `loadmaster serve`.

use std::time::Duration;

#[cfg(unix)]
use super::terminal::in_terminal;
use super::{Ended, empty_folder, ended};
use crate::{
    serve::{
        client::model_id,
        swaps::{daemon_for_one_of_two, state},
    },
    support::{Daemon, loadmaster, wait_until},
};

fn tell(daemon: &Daemon, arguments: &[&str]) -> Ended {
    let home = empty_folder();
    ended(loadmaster(home.path()).args(arguments).args(["--listen", daemon.address()]))
}

#[test]
fn a_model_is_planned_started_and_stopped() {
    let (daemon, _folder) = daemon_for_one_of_two(&[]);
    let smollm = model_id();
    let plan = tell(&daemon, &["plan", &smollm]).printed();
    assert!(plan.starts_with(&format!("{smollm} takes host ")), "{plan}");
    assert!(plan.contains("context of 2048 tokens") && plan.ends_with("\nit fits now\n"), "{plan}");

    let started = tell(&daemon, &["start", &smollm]).printed();
    assert!(started.starts_with(&format!("started {smollm}: host ")), "{started}");
    assert_eq!(daemon.model()["instance"]["state"], "ready");
    let again = tell(&daemon, &["start", &smollm]).printed();
    assert_eq!(again, started, "what runs is ready at once");
    assert!(tell(&daemon, &["plan", &smollm]).printed().ends_with("it runs already\n"));

    let plan = tell(&daemon, &["plan", "twin"]).printed();
    let told = format!("\nit fits when these have made room: {smollm}#1\n  now, host needs ");
    assert!(plan.contains(&told), "{plan}");
    let json = tell(&daemon, &["plan", "twin", "--json"]).json();
    assert_eq!(json["leaving"][0]["model"], smollm.as_str());

    tell(&daemon, &["start", "twin"]).printed();
    assert_eq!(daemon.model()["instance"]["state"], "stopped", "it made room");
    assert_eq!(tell(&daemon, &["stop", "twin"]).printed(), "stopped twin\n");
    // It is not to stay without a request, and has none.
    tell(&daemon, &["start", "twin", "--keep-alive", "0"]).printed();
    let patience = Duration::from_secs(10);
    wait_until("it stays", patience, || state(&daemon, "twin").as_deref() == Some("stopped"));
    let remedy =
        "Send a number of whole seconds, such as 300; 0 to unload it at once; -1 or forever to keep it.";
    let never = tell(&daemon, &["start", "twin", "--keep-alive", "never"]);
    never.failed(1, "The header x-loadmaster-keep-alive cannot be 'never'", remedy);
    let begun = tell(&daemon, &["start", &smollm, "--no-wait"]).printed();
    assert_eq!(begun, format!("starting {smollm}; `loadmaster ps` shows how far it is\n"));
    assert!(tell(&daemon, &["ps"]).printed().starts_with("MODEL "));
}

#[test]
fn what_cannot_be_is_told_with_its_exit_code() {
    let (daemon, _folder) = daemon_for_one_of_two(&["--budget", "host=100 MiB"]);
    let smollm = model_id();
    let refused = tell(&daemon, &["start", &smollm]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(3), ""), "{}", refused.stderr);
    assert!(refused.stderr.contains("does not fit: host needs"), "{}", refused.stderr);
    let plan = tell(&daemon, &["plan", &smollm]).printed();
    assert!(plan.contains("\nit does not fit, whoever makes room\n  host needs "), "{plan}");
    for command in ["start", "plan", "stop"] {
        let unknown = tell(&daemon, &[command, "other"]);
        let cause = format!("There is no model 'other'; there is {smollm}, twin");
        unknown.failed(4, &cause, "Ask for one of these names.");
    }
}

#[cfg(unix)]
#[test]
fn a_daemon_ends_with_the_terminal_that_it_was_begun_in() {
    let home = empty_folder();
    let mut serve = loadmaster(home.path());
    serve.args(["serve", "--listen", "127.0.0.1:0"]);
    let steps = serde_json::json!([["expect", "listening on http://"], ["close", ""]]);
    assert_eq!(in_terminal(&serve, &steps).code, 0);
}
