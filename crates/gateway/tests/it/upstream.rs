//! Whatever else a server offers.

use axum::http::Method;
use loadmaster_orchestrator::Policy;

use super::*;

async fn send(server: &FakeServer, request: Request<Body>) -> Response<Body> {
    let Ok(answer) = server.router().oneshot(request).await;
    answer
}

#[tokio::test]
async fn a_request_goes_through_as_it_came() {
    let server = FakeServer::start("text/x-odd", "\0as it is", Ending::Whole).await;
    let request = Request::builder()
        .method(Method::PUT)
        .uri("/upstream/fake/odd%2Fpath/?a=b%20c&d")
        .header("content-type", "text/x-sent")
        .header("x-own", "kept")
        .header("authorization", "Bearer the-clients-own")
        .header("x-loadmaster-wait", "9")
        .header("connection", "close")
        .body(Body::from("\u{1}sent"))
        .unwrap();
    let answer = send(&server, request).await;
    assert_eq!(
        (answer.status(), &answer.headers()["content-type"]),
        (StatusCode::OK, &"text/x-odd".parse().unwrap())
    );
    assert!(answer.headers().get("access-control-allow-origin").is_none());
    assert_eq!(text(answer).await.unwrap(), "\0as it is");
    let heard = server.heard();
    assert!(heard.starts_with("PUT /odd%2Fpath/?a=b%20c&d HTTP/1.1\r\n"), "{heard}");
    assert!(heard.ends_with("\r\n\r\n\u{1}sent"), "{heard}");
    let lower = heard.to_lowercase();
    for told in ["content-type: text/x-sent\r\n", "x-own: kept\r\n", "authorization: bearer key\r\n"] {
        assert!(lower.contains(told), "{told}: {lower}");
    }
    for untold in ["the-clients-own", "x-loadmaster"] {
        assert!(!lower.contains(untold), "{untold}: {lower}");
    }
    server.wait_for_leases(0).await;
}

#[tokio::test]
async fn a_server_that_was_dead_before_the_request_is_replaced_here_too() {
    let endings = [Ending::Stillborn(killed()), Ending::Whole];
    let server = FakeServer::started("application/json", "{}", &endings, Policy::default()).await;
    let request = Request::get("/upstream/fake/props").body(Body::empty()).unwrap();
    assert_eq!(send(&server, request).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn who_only_looks_takes_no_place() {
    let server = FakeServer::start("text/event-stream", EVENT, Ending::Never).await;
    let busy = ask(&server, &json!({ "model": "fake" })).await;
    server.wait_for_leases(1).await;
    // The one place of the fake is taken; the fake itself answers one connection after the other.
    let looks = server.router().oneshot(Request::get("/upstream/fake/slots").body(Body::empty()).unwrap());
    let looks = tokio::spawn(looks);
    server.wait_for_leases(2).await;
    let works = Request::post("/upstream/fake/tokenize").header("x-loadmaster-wait", "0");
    let refused = send(&server, works.body(Body::from("{}")).unwrap()).await;
    assert_eq!(error_in(&text(refused).await.unwrap())["code"], "waited_too_long");
    drop(busy);
    looks.abort();
}

#[tokio::test]
async fn models_and_pages_that_may_not_are_refused() {
    let server = FakeServer::start("application/json", "{}", Ending::Whole).await;
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    let unknown = send(&server, get("/upstream/other/props")).await;
    assert_eq!(error_in(&text(unknown).await.unwrap())["code"], "model_not_found");
    let mut foreign = get("/upstream/fake/props");
    foreign.headers_mut().insert("sec-fetch-site", "cross-site".parse().unwrap());
    assert_eq!(send(&server, foreign).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(server.heard(), "", "nothing was asked of the server");
}
