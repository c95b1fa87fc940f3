//! Holds and budgets, before a machine of 1 GiB.

use axum::http::Method;

use super::*;

async fn send(server: &FakeServer, method: Method, path: &str, body: &Value) -> Response<Body> {
    let request = Request::builder().method(method).uri(path).body(Body::from(body.to_string())).unwrap();
    let Ok(answer) = server.router().oneshot(request).await;
    answer
}

async fn server() -> FakeServer {
    FakeServer::start("application/json", "{}", Ending::Whole).await
}

/// The next line of a hold that lives as long as its connection.
async fn line(answer: &mut Response<Body>) -> Value {
    let frame = tokio::time::timeout(Duration::from_secs(30), answer.body_mut().frame()).await.unwrap();
    serde_json::from_slice(&frame.unwrap().unwrap().into_data().unwrap()).unwrap()
}

async fn wait_for_holds(server: &FakeServer, count: usize) {
    let reached = async {
        while server.orchestrator().status().await.unwrap().holds.len() != count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), reached).await.expect("never so many holds");
}

#[tokio::test]
async fn a_hold_lasts_until_it_is_deleted() {
    let server = server().await;
    let body = json!({ "devices": { "host": "600 MiB" }, "note": "game", "ttl_seconds": 60 });
    let taken = send(&server, Method::POST, "/api/v1/holds", &body).await;
    assert_eq!(taken.status(), StatusCode::CREATED);
    let held: Value = serde_json::from_str(&text(taken).await.unwrap()).unwrap();
    assert_eq!(
        (&held["granted"], &held["note"], &held["devices"]["host"]),
        (&json!(true), &json!("game"), &json!(600 << 20))
    );
    // Two do not fit, and one can wait for the other for so long.
    let body = json!({ "devices": { "host": "600 MiB" }, "wait_seconds": 0 });
    let second = send(&server, Method::POST, "/api/v1/holds", &body).await;
    assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(second.headers()["retry-after"], "5");
    assert_eq!(error_in(&text(second).await.unwrap())["code"], "waited_too_long");
    let path = format!("/api/v1/holds/{}", held["id"].as_str().unwrap());
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_FOUND] {
        assert_eq!(send(&server, Method::DELETE, &path, &Value::Null).await.status(), status);
    }
    wait_for_holds(&server, 0).await;
}

#[tokio::test]
async fn a_hold_lives_as_long_as_its_connection() {
    let server = server().await;
    let body = json!({ "devices": { "host": 600 << 20 } });
    let path = "/api/v1/holds?while=connected";
    let mut first = send(&server, Method::POST, path, &body).await;
    let granted = line(&mut first).await;
    assert_eq!(granted["state"], "granted");
    let mut second = send(&server, Method::POST, path, &body).await;
    assert_eq!(line(&mut second).await["state"], "waiting");
    drop(first);
    assert_eq!(line(&mut second).await["state"], "granted");
    wait_for_holds(&server, 1).await;
    // One that somebody else ends says so, and its stream ends.
    let id = server.orchestrator().status().await.unwrap().holds[0].id;
    send(&server, Method::DELETE, &format!("/api/v1/holds/{id}"), &Value::Null).await;
    assert_eq!(line(&mut second).await["state"], "released");
    assert_eq!(text(second).await.unwrap(), "");
    // One that gives up while it waits is forgotten.
    let _held = send(&server, Method::POST, path, &body).await;
    let waits = send(&server, Method::POST, path, &body).await;
    wait_for_holds(&server, 2).await;
    drop(waits);
    wait_for_holds(&server, 1).await;
}

#[tokio::test]
async fn budgets_are_replaced_as_a_whole() {
    let server = server().await;
    let put = async |body: Value| {
        let answer = send(&server, Method::PUT, "/api/v1/budgets", &body).await;
        (answer.status(), serde_json::from_str::<Value>(&text(answer).await.unwrap()).unwrap())
    };
    assert_eq!(put(json!({ "host": "512 MiB" })).await, (StatusCode::OK, json!({ "host": "512 MiB" })));
    for (body, status, code) in [
        (json!({ "gpu7": "1 GiB" }), StatusCode::NOT_FOUND, "device_not_found"),
        (json!({ "host": "lots" }), StatusCode::BAD_REQUEST, "invalid_body"),
        (json!({ "host": 7 }), StatusCode::BAD_REQUEST, "invalid_body"),
    ] {
        let (found, answer) = put(body).await;
        assert_eq!((found, &answer["error"]["code"]), (status, &json!(code)));
    }
    let now = send(&server, Method::GET, "/api/v1/budgets", &Value::Null).await;
    assert_eq!(text(now).await.unwrap(), r#"{"host":"512 MiB"}"#);
}
