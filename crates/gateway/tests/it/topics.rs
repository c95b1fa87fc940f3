//! States that events tell of on request.

use std::{sync::Arc, time::Duration};

use axum::{body::Body, http::Request};
use loadmaster_gateway::{Board, JobsOptions, News, Options, Topics};

use super::{painters::Studio, *};

/// The next event that is not one of the orchestrator: its name and its data.
async fn state(answer: &mut Response<Body>) -> (String, Value) {
    loop {
        let next = tokio::time::timeout(Duration::from_secs(10), answer.body_mut().frame());
        let bytes = next.await.expect("an event comes").unwrap().unwrap().into_data().unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        if field("id: ").is_none() {
            let data = serde_json::from_str(field("data: ").unwrap()).unwrap();
            return (field("event: ").unwrap().to_owned(), data);
        }
    }
}

async fn listen(router: &axum::Router, query: &str) -> Response<Body> {
    let request = Request::get(format!("/api/v1/events{query}")).body(Body::empty()).unwrap();
    let Ok(answer) = router.clone().oneshot(request).await;
    answer
}

#[tokio::test]
async fn jobs_are_told_whole_and_then_as_they_change() {
    let folder = tempfile::tempdir().unwrap();
    let jobs = JobsOptions::new(folder.path().join("jobs"));
    let studio = Studio::open(Duration::from_millis(20), Some(jobs)).await;
    let mut events = listen(&studio.router, "?topics=jobs").await;
    assert_eq!(state(&mut events).await, ("jobs".to_owned(), json!([])));
    let (status, job) = studio.json("POST", "/api/v1/jobs", &json!({ "prompt": "a", "steps": 4 })).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let (name, all) = state(&mut events).await;
    assert_eq!((name.as_str(), &all[0]["id"]), ("jobs", &job["id"]));
    loop {
        let (name, told) = state(&mut events).await;
        assert_eq!((name.as_str(), &told["id"]), ("job", &job["id"]));
        if told["state"] == "completed" {
            break;
        }
    }
    studio.json("DELETE", &format!("/api/v1/jobs/{}", job["id"].as_str().unwrap()), &json!({})).await;
    assert_eq!(state(&mut events).await, ("jobs".to_owned(), json!([])));
}

#[tokio::test]
async fn topics_end_with_the_orchestrator_and_strangers_are_refused() {
    let server = FakeServer::start("application/json", "{}", Ending::Whole).await;
    let board = Board::new(|| async { vec![News::new("all", json!(1))] });
    let mut topics = Topics::default();
    topics.add("numbers", Arc::new(board.clone()));
    let options = Options::default().with_topics(topics);
    let router = loadmaster_gateway::router_with(server.orchestrator().clone(), options).unwrap();
    let mut events = listen(&router, "?topics=numbers").await;
    assert_eq!(state(&mut events).await, ("all".to_owned(), json!(1)));
    board.tell(News::new("one", json!(2)));
    assert_eq!(state(&mut events).await, ("one".to_owned(), json!(2)));
    for query in ["?topics=numbers,strange", "?topic=numbers"] {
        assert_eq!(listen(&router, query).await.status(), StatusCode::BAD_REQUEST, "{query}");
    }
    server.orchestrator().close().await;
    let end = tokio::time::timeout(Duration::from_secs(10), events.into_body().collect()).await;
    end.expect("the stream ends").unwrap();
}
