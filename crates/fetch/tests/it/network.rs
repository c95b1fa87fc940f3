//! What stands between a machine and the servers: proxies, and authorities of one's own.
//!
//! Proxies come from the environment, so who downloads through them is a process of its own.

use std::fs;

use loadmaster_fetch::{Client, Download, FetchError, Options};

use crate::{
    hub::{Hub, noise},
    killed::Downloading,
    secret::{Secret, Tunnel},
    support::{MIB, assert_there, names, options},
};

/// A name that no resolver knows (RFC 6761): who reaches it went by a proxy.
const NOWHERE: &str = "models.invalid";

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_when_it_is_named_and_not_before() {
    let (file, folder) = (noise(MIB, 3), tempfile::tempdir().unwrap());
    let server = Secret::start("127.0.0.1", &file);
    let url = format!("https://{}/model.gguf", server.address);
    let target = folder.path().join("model.gguf");
    let stranger = Client::new(options()).unwrap();
    let refused = Download::new(&stranger, &url, &target).unwrap().run().await.unwrap_err();
    assert!(matches!(refused, FetchError::Untrusted { .. }), "{refused}");
    assert_eq!(names(folder.path()), [""; 0]);
    let certificates = Some(server.certificate.clone().into_bytes());
    let friend = Client::new(Options { certificates, ..options() }).unwrap();
    let downloaded = Download::new(&friend, &url, &target).unwrap().run().await.unwrap();
    assert_there(folder.path(), &file, &downloaded);
}

#[tokio::test]
async fn http_goes_by_the_proxy_that_is_named_for_it() {
    let (file, folder) = (noise(6 * MIB, 3), tempfile::tempdir().unwrap());
    let (target, url) = (folder.path().join("model.gguf"), format!("http://{NOWHERE}/model.gguf"));
    // A proxy is asked for the whole address; this one answers in the server's place.
    let proxy = Hub::of(&file).await;
    let proxies = [("HTTP_PROXY", proxy.url()), ("http_proxy", proxy.url())];
    assert!(Downloading::start_behind(&proxies, None, &url, &target).ends().await);
    assert!(fs::read(&target).unwrap() == *file);
    assert!(proxy.requests()[0].head.starts_with(&format!("GET {url} HTTP/1.1\r\n")));

    // Not where it is said that there is none, ...
    let (direct, asked) = (Hub::of(&file).await, proxy.requests().len());
    let around = [proxies[0].clone(), proxies[1].clone(), ("NO_PROXY", "127.0.0.1".to_owned())];
    assert!(Downloading::start_behind(&around, None, &direct.url(), &target).ends().await);
    assert_eq!((proxy.requests().len(), direct.sent()), (asked, 6 * MIB as u64));
    // ... and the name is known to nobody else.
    assert!(!Downloading::start(&url, &target).ends().await);
}

#[tokio::test]
async fn https_goes_through_the_proxy_to_a_server_that_is_still_checked() {
    let (file, folder) = (noise(MIB, 3), tempfile::tempdir().unwrap());
    let (target, url) = (folder.path().join("model.gguf"), format!("https://{NOWHERE}/model.gguf"));
    let server = Secret::start(NOWHERE, &file);
    let tunnel = Tunnel::to(server.address).await;
    let proxy = format!("http://{}", tunnel.address);
    let proxies = [("HTTPS_PROXY", proxy.clone()), ("https_proxy", proxy)];
    assert!(!Downloading::start_behind(&proxies, None, &url, &target).ends().await, "nobody knows it");
    let trust = Some(server.certificate.as_str());
    assert!(Downloading::start_behind(&proxies, trust, &url, &target).ends().await);
    assert!(fs::read(&target).unwrap() == *file);
    let heads = tunnel.heads();
    assert!(heads[0].starts_with(&format!("CONNECT {NOWHERE}:443 HTTP/1.1\r\n")), "{heads:?}");
    assert!(heads.iter().all(|head| !head.contains("model.gguf")), "the proxy sees no address");
}
