//! Events, and the end.

use super::*;

async fn get(server: &FakeServer, path: &str) -> Response<Body> {
    let Ok(answer) = server.router().oneshot(Request::get(path).body(Body::empty()).unwrap()).await;
    answer
}

/// The next event: its name, id and data.
async fn event(answer: &mut Response<Body>) -> (String, u64, Value) {
    let patience = Duration::from_secs(10);
    let frame = tokio::time::timeout(patience, answer.body_mut().frame()).await.expect("an event comes");
    let bytes = frame.unwrap().unwrap().into_data().unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let field = |name: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.unwrap_or_else(|| panic!("no {name} in {text:?}")).to_owned()
    };
    (field("event"), field("id").parse().unwrap(), serde_json::from_str(&field("data")).unwrap())
}

#[tokio::test]
async fn events_begin_with_a_snapshot_and_go_on_where_they_were_left() {
    let server = FakeServer::start("application/json", "{}", Ending::Whole).await;
    let router = server.router();
    let listen = async |last: Option<u64>| {
        let mut request = Request::get("/api/v1/events");
        if let Some(id) = last {
            request = request.header("last-event-id", id.to_string());
        }
        let Ok(answer) = router.clone().oneshot(request.body(Body::empty()).unwrap()).await;
        answer
    };
    let mut events = listen(None).await;
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let (name, first, snapshot) = event(&mut events).await;
    assert_eq!((name.as_str(), &snapshot["models"][0]["id"]), ("snapshot", &json!("fake")));

    assert_eq!(ask(&server, &json!({})).await.status(), StatusCode::OK);
    let mut told = Vec::new();
    while told.last() != Some(&"ready".to_owned()) {
        let (name, id, data) = event(&mut events).await;
        assert_eq!(id, first + 1 + told.len() as u64);
        told.push(data["state"].as_str().unwrap_or(&name).to_owned());
    }
    assert_eq!(told, ["reserved", "starting", "ready"]);

    let mut resumed = listen(Some(first + 2)).await;
    assert_eq!(event(&mut resumed).await.1, first + 3);
    // Ids of an earlier run, and of nothing that was.
    for id in [1, first + 1000] {
        assert_eq!(event(&mut listen(Some(id)).await).await.0, "snapshot");
    }
}

#[tokio::test]
async fn the_end_is_told() {
    let server = FakeServer::start("application/json", "{}", Ending::Whole).await;
    let mut events = get(&server, "/api/v1/events").await;
    assert_eq!(event(&mut events).await.0, "snapshot");
    assert_eq!(get(&server, "/readyz").await.status(), StatusCode::OK);
    server.orchestrator().close().await;
    let end = tokio::time::timeout(Duration::from_secs(10), events.into_body().collect()).await;
    end.expect("the stream of events ends").unwrap();
    let closed = get(&server, "/readyz").await;
    assert_eq!(closed.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(get(&server, "/healthz").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_model_goes_with_the_answer_to_who_does_not_want_it_kept() {
    let server = FakeServer::start("application/json", "{}", Ending::Whole).await;
    let state = async || {
        let status = server.orchestrator().status().await.unwrap();
        status.models[0].instance.as_ref().unwrap().state.name()
    };
    for (path, keep_alive, ends) in [
        ("/v1/embeddings", "forever", "ready"),
        ("/v1/embeddings", "0", "stopped"),
        ("/upstream/fake/tokenize", "300", "ready"),
        ("/upstream/fake/tokenize", "0", "stopped"),
        ("/api/v1/instances/fake?wait=true", "-1", "ready"),
    ] {
        let request = Request::post(path).header("x-loadmaster-keep-alive", keep_alive);
        let Ok(answer) = server.router().oneshot(request.body(Body::from("{}")).unwrap()).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        text(answer).await.unwrap();
        server.wait_for_leases(0).await;
        let reached = async {
            while state().await != ends {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let reached = tokio::time::timeout(Duration::from_secs(5), reached).await;
        reached.unwrap_or_else(|_| panic!("{path} with {keep_alive}: never {ends}"));
    }
}

#[tokio::test]
async fn a_start_that_nobody_waits_for_is_known_at_once() {
    let server = FakeServer::start("application/json", "{}", Ending::Whole).await;
    for (path, status) in [
        ("/api/v1/instances/other", StatusCode::NOT_FOUND),
        ("/api/v1/instances/fake?wait=maybe", StatusCode::BAD_REQUEST),
        ("/api/v1/instances/fake", StatusCode::ACCEPTED),
        ("/api/v1/instances/fake?wait=true", StatusCode::OK),
    ] {
        let Ok(answer) = server.router().oneshot(Request::post(path).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status(), status, "{path}");
    }
    let status = server.orchestrator().status().await.unwrap();
    assert_eq!(status.models[0].instance.as_ref().unwrap().state.name(), "ready");
    server.wait_for_leases(0).await;
}
