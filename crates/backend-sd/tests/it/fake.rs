//! A fake `sd-server`, for what the real one cannot be made to do at will: to die, or to fall silent, in the very moment
//! in which it is asked whose it is. It is this test again, started by a script in the server's place.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
};

use loadmaster_core::{BackendError, FailureReason};
use serde_json::json;

use crate::place::{Place, fixture, micro};

const PORT: &str = "LOADMASTER_SD_TEST_FAKE_PORT";

/// The port to be served by the fake, where this is it.
fn port() -> Option<u16> {
    #[expect(clippy::disallowed_methods, reason = "nothing but the environment can be given to a test")]
    let port = std::env::var(PORT).ok()?;
    Some(port.parse().unwrap())
}

/// Lists its model like the real one; `asked` is what it does when it is asked what it was started with.
fn serve(port: u16, asked: fn(&TcpStream)) {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    for mut stream in listener.incoming().flatten() {
        std::thread::spawn(move || {
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap();
            if String::from_utf8_lossy(&request[..length]).contains("/sdcpp/v1/capabilities") {
                return asked(&stream);
            }
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
            stream.write_all(answer.as_bytes()).unwrap();
        });
    }
}

/// Starts the fake that is the test `name`, with a second to get ready.
async fn start(name: &str) -> BackendError {
    let place = Place::new();
    let script = place.home.path().join("fake");
    let real = fixture("LOADMASTER_TEST_SD_SERVER");
    let text = format!(
        "#!/bin/sh\ncase \"$*\" in *--listen-port*) ;; *) exec '{}' \"$@\" ;; esac\n\
         while [ \"$1\" != --listen-port ]; do shift; done\n\
         {PORT}=$2 exec '{}' --exact --nocapture fake::{name}\n",
        real.display(),
        std::env::current_exe().unwrap().display(),
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    let mut plan = place.plan(&micro("resident")).await.unwrap();
    plan.server = Some(script);
    plan.settings["start_timeout"] = json!(2);
    let error = place.try_start(plan).await.unwrap_err();
    #[cfg(target_os = "linux")]
    crate::left::nothing_of(&place).await;
    error
}

#[tokio::test]
async fn a_server_that_dies_while_it_is_asked_is_no_stranger() {
    if let Some(port) = port() {
        return serve(port, |_| {
            let said = "[ERROR] ggml_extend.hpp:1900 - flux: failed to allocate the compute buffer\n";
            std::io::stderr().write_all(said.as_bytes()).unwrap();
            #[expect(clippy::exit, reason = "a server that dies")]
            std::process::exit(1);
        });
    }
    let error = start("a_server_that_dies_while_it_is_asked_is_no_stranger").await;
    let BackendError::StartFailed { failure, .. } = error else { panic!("{error:?}") };
    assert_eq!(failure.reason, FailureReason::OutOfMemory { device: None });
}

#[tokio::test]
async fn a_server_that_does_not_say_whose_it_is_is_slow_and_no_stranger() {
    if let Some(port) = port() {
        return serve(port, |_| std::thread::sleep(std::time::Duration::from_mins(10)));
    }
    let error = start("a_server_that_does_not_say_whose_it_is_is_slow_and_no_stranger").await;
    assert!(matches!(error, BackendError::StartTimedOut { .. }), "{error:?}");
}
