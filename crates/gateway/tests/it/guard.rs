//! Who may use the API.

use axum::{body::Body, http::Request};
use loadmaster_gateway::{Guard, Options};

use super::*;

const TOKEN: &str = "0123456789abcdefghij";

fn router(server: &FakeServer, guard: Guard) -> axum::Router {
    let options = Options::default().with_guard(guard);
    loadmaster_gateway::router_with(server.orchestrator().clone(), options).unwrap()
}

async fn send(router: &axum::Router, path: &str, method: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let Ok(answer) = router.clone().oneshot(request.body(Body::empty()).unwrap()).await;
    answer
}

#[tokio::test]
async fn everything_needs_the_token_and_a_link_brings_it() {
    let server = FakeServer::start("application/json", "{}", Ending::Whole).await;
    let router = router(&server, Guard::default().with_token(TOKEN));
    for path in ["/v1/models", "/api/v1/events", "/metrics", "/", "/nowhere"] {
        let refused = send(&router, path, "GET", &[]).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(refused.headers()["www-authenticate"], "Bearer");
        let error = error_in(&text(refused).await.unwrap());
        assert_eq!(error["code"], "token_needed");
    }
    let link = send(&router, &format!("/?token={TOKEN}"), "GET", &[]).await;
    let cookie = link.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(link.status(), StatusCode::OK);
    let bearer = format!("Bearer {TOKEN}");
    for header in [("cookie", cookie.as_str()), ("authorization", bearer.as_str())] {
        assert_eq!(send(&router, "/v1/models", "GET", &[header]).await.status(), StatusCode::OK);
    }
    assert_eq!(send(&router, "/healthz", "GET", &[]).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn pages_of_others_need_the_configuration() {
    let server = FakeServer::start("application/json", "{}", Ending::Whole).await;
    let page = [("host", "127.0.0.1:1"), ("origin", "http://localhost:3000")];
    let strict = router(&server, Guard::default());
    let refused = send(&strict, "/v1/models", "GET", &page).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert!(refused.headers().get("access-control-allow-origin").is_none());

    let open = router(&server, Guard::default().with_origins(["http://localhost:3000".to_owned()]));
    let allowed = send(&open, "/v1/models", "GET", &page).await;
    assert_eq!(allowed.status(), StatusCode::OK);
    assert_eq!(allowed.headers()["access-control-allow-origin"], "http://localhost:3000");
    let asks = [page[0], page[1], ("access-control-request-method", "POST")];
    let preflight = send(&open, "/v1/chat/completions", "OPTIONS", &asks).await;
    assert_eq!(preflight.status(), StatusCode::NO_CONTENT);
    assert!(preflight.headers()["access-control-allow-methods"].to_str().unwrap().contains("POST"));
}
