//! Servers over TLS, with a certificate that no system knows.

use super::{
    command, ended,
    fake_hub::{FakeHub, Reply, unknown_certificate},
    folder_with, inspect, smollm2, smollm2_inspected,
};

#[test]
fn an_unknown_certificate_is_refused_unless_it_is_named() {
    let (pem, config) = unknown_certificate();
    let hub = FakeHub::start_tls(config, |request| Reply::range(&smollm2(), request));
    let url = hub.url("/a.gguf");
    let host = url.trim_start_matches("https://").trim_end_matches("/a.gguf");
    let cause = format!(
        "{host} cannot be trusted: its certificate comes from an authority that this system does not know"
    );
    let remedy = "If the network has its own certificate authority, add its certificate (a PEM file) to the \
                  trusted ones; otherwise do not go on. Its name goes to --ca-file.";
    inspect(&url, &[]).failed(1, &cause, remedy);
    assert!(hub.requests().is_empty(), "nothing is said to who is not trusted");

    let folder = folder_with("ca.pem", pem.as_bytes());
    let certificate = folder.path().join("ca.pem").display().to_string();
    assert_eq!(inspect(&url, &["--json", "--ca-file", &certificate]).json(), smollm2_inspected());
    let mut by_environment = command(folder.path(), "inspect", &url);
    by_environment.arg("--json").env("LOADMASTER_CA_FILE", &certificate);
    assert_eq!(ended(&mut by_environment).json(), smollm2_inspected());
    let configuration = format!("[network]\nca_file = {certificate:?}\n");
    let folder = folder_with("config.toml", configuration.as_bytes());
    let mut by_file = command(folder.path(), "inspect", &url);
    assert_eq!(ended(by_file.arg("--json")).json(), smollm2_inspected());
}

#[test]
fn certificates_that_are_none_are_told() {
    let folder = folder_with("ca.pem", b"no certificate");
    let certificate = folder.path().join("ca.pem").display().to_string();
    let cause = "The certificates to trust cannot be used: there are none in PEM form";
    let remedy = "Name a file with certificates in PEM form.";
    inspect("https://127.0.0.1:1/a", &["--ca-file", &certificate]).failed(1, cause, remedy);
    let ended = inspect("https://127.0.0.1:1/a", &["--ca-file", "missing.pem"]);
    assert!(
        ended.stderr.starts_with("error: The certificates missing.pem cannot be read: "),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.code, Some(4));
}
