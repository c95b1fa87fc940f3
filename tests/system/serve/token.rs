//! Beyond this machine a token is needed.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
};

use super::client::client;
use crate::support::{llama_server, loadmaster, smollm2};

/// Killed when dropped.
struct Open(Child);

impl Drop for Open {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn nobody_listens_beyond_this_machine_without_a_token() {
    let home = tempfile::tempdir().expect("a folder for the test");
    let refused = loadmaster(home.path()).args(["serve", "--listen", "0.0.0.0:0"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("a token is needed") && said.contains("--token-file"), "{said}");
}

#[test]
fn a_link_opens_what_a_stranger_is_refused() {
    let home = tempfile::tempdir().expect("a folder for the test");
    let file = home.path().join("token");
    let mut serve = loadmaster(home.path());
    serve.args(["serve", "--listen", "0.0.0.0:0", "--llama-server"]).arg(llama_server());
    serve.arg("--model").arg(smollm2()).arg("--token-file").arg(&file);
    let mut open = Open(serve.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts"));
    let out = open.0.stdout.take().expect("it is piped");
    let lines: Vec<String> = BufReader::new(out).lines().take(2).map_while(Result::ok).collect();
    let [listening, link] = &lines[..] else { panic!("{lines:?}") };
    let port = listening.rsplit(':').next().expect("an address has a port");
    let token = std::fs::read_to_string(&file).expect("the token was made").trim().to_owned();
    assert!(link.starts_with("open http://") && link.ends_with(&format!(":{port}/?token={token}")), "{link}");

    let url = format!("http://127.0.0.1:{port}");
    let status = |path: &str, headers: &[(&str, &str)]| {
        let mut request = client().get(format!("{url}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().expect("Loadmaster answers")
    };
    assert_eq!(status("/v1/models", &[]).status(), 401);
    assert_eq!(status("/?token=wrong", &[]).status(), 401);
    let answer = status(&format!("/?token={token}"), &[]);
    let cookie = answer.headers()["set-cookie"].to_str().expect("a cookie is text").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().expect("it has a value");
    assert_eq!(status("/v1/models", &[("cookie", cookie)]).status(), 200);
    assert_eq!(status("/v1/models", &[("authorization", &format!("Bearer {token}"))]).status(), 200);

    // The commands know it too.
    let ask = |with_token: bool| {
        let mut command = loadmaster(home.path());
        command.args(["ps", "--listen", &format!("127.0.0.1:{port}")]);
        if with_token {
            command.env("LOADMASTER_TOKEN_FILE", &file);
        }
        command.output().expect("it runs")
    };
    assert!(ask(true).status.success());
    let said = String::from_utf8_lossy(&ask(false).stderr).into_owned();
    assert!(said.contains("This API needs a token"), "{said}");
}
