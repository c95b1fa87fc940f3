//! Servers on a port, as on systems without Unix sockets.

use std::fs;

use super::client::{Answer, ask_for_paris, client, instance, question};
use crate::support::Daemon;

#[test]
fn a_port_is_guarded_by_a_key_that_nobody_can_read() {
    let daemon = Daemon::start(&["--llama-transport", "tcp"]);
    ask_for_paris(&daemon);
    let endpoint = instance(&daemon)["endpoint"].as_str().unwrap().to_owned();
    let port: u16 = endpoint.strip_prefix("http://127.0.0.1:").unwrap().parse().unwrap();
    assert_ne!(format!("127.0.0.1:{port}"), daemon.address());

    let chat = format!("{endpoint}/v1/chat/completions");
    for key in [None, Some("wrong")] {
        let request = client().post(&chat).json(&question());
        let request = match key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        let refused = Answer::to(request);
        assert_eq!(refused.status, 401, "{refused:?}");
    }

    // The key is where only the user themself can read it.
    let pid = daemon.server_pid().unwrap();
    let environ = fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    let key = environ.split('\0').find_map(|pair| pair.strip_prefix("LLAMA_API_KEY=")).unwrap();
    assert_eq!(key.len(), 32, "{key}");
    let asked = Answer::to(client().post(&chat).bearer_auth(key).json(&question()));
    assert_eq!(asked.status, 200, "this is the key: {asked:?}");
    let cmdline = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    assert!(cmdline.contains(&port.to_string()) && !cmdline.contains(key), "{cmdline}");
    let told = Answer::to(client().get(format!("{}/api/v1/instances", daemon.url))).body.to_string();
    assert!(!told.contains(key), "{told}");
    for log in fs::read_dir(daemon.home().join("logs")).unwrap() {
        let path = log.unwrap().path();
        assert!(!fs::read_to_string(&path).unwrap().contains(key), "{}", path.display());
    }
    assert_eq!(fs::read_dir(daemon.home().join("run")).unwrap().count(), 0, "there is no socket");
}
