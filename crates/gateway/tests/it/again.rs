//! Requests whose server ends before it has answered anything.

use loadmaster_orchestrator::{Budget, Budgets, Policy};

use super::{fake::TOTAL, *};

async fn fake(endings: &[Ending]) -> FakeServer {
    FakeServer::started("text/event-stream", EVENT, endings, Policy::default()).await
}

/// Asks for a stream or not, waiting as long as `wait` says.
async fn ask_with(server: &FakeServer, model: &str, stream: bool, wait: &str) -> Response<Body> {
    let request = Request::post("/v1/chat/completions").header("x-loadmaster-wait", wait);
    let body = json!({ "model": model, "stream": stream }).to_string();
    let Ok(answer) = server.router().oneshot(request.body(Body::from(body)).unwrap()).await;
    answer
}

#[tokio::test]
async fn nobody_hears_of_a_death_before_the_first_byte() {
    for ending in
        [Ending::DiesUnanswered(killed()), Ending::DiesBehindTheHead(killed()), Ending::Stillborn(killed())]
    {
        for stream in [false, true] {
            let server = fake(&[ending.clone(), Ending::Whole]).await;
            let answer = ask_with(&server, "fake", stream, "60").await;
            assert_eq!(answer.status(), StatusCode::OK, "{ending:?}");
            assert_eq!(text(answer).await.unwrap(), EVENT, "{ending:?}");
            assert_eq!(server.starts(), 2, "{ending:?}");
            server.wait_for_leases(0).await;
        }
    }
}

#[tokio::test]
async fn what_has_begun_is_not_sent_again() {
    let server = fake(&[Ending::Dies(killed()), Ending::Whole]).await;
    let told = text(ask_with(&server, "fake", true, "60").await).await.unwrap();
    assert_eq!(error_in(&told)["code"], "server_crashed");
    assert_eq!((server.count(), server.starts()), (1, 1));
}

#[tokio::test]
async fn a_request_that_its_servers_die_of_is_given_up_and_told_so() {
    let server = fake(&[Ending::DiesUnanswered(killed())]).await;
    let answer = ask_with(&server, "fake", false, "60").await;
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    let error = error_in(&text(answer).await.unwrap());
    assert_eq!(
        (&error["code"], &error["attempts"], &error["reason"]["name"]),
        (&json!("server_crashed"), &json!(3), &json!("SIGKILL"))
    );
    assert!(error["message"].as_str().unwrap().contains("sent 3 times"), "{error}");
    assert!(error["remedy"].as_str().unwrap().contains("change it"), "{error}");
    assert_eq!((server.count(), server.starts()), (3, 3));
    server.wait_for_leases(0).await;
}

/// The third start comes after a pause of a second.
#[tokio::test]
async fn a_stream_that_waits_again_is_told_so() {
    let dies = Ending::DiesUnanswered(killed());
    let server = fake(&[dies.clone(), dies, Ending::Whole]).await;
    let told = text(ask_with(&server, "fake", true, "60").await).await.unwrap();
    let told: Vec<&str> = told.split_inclusive("\n\n").collect();
    let (last, comments) = told.split_last().unwrap();
    assert_eq!(*last, EVENT);
    assert!(comments.iter().all(|comment| comment.starts_with(": waiting")), "{comments:?}");
    assert_eq!(server.count(), 3);
}

#[tokio::test]
async fn a_stream_whose_first_byte_is_long_in_coming_begins_and_can_still_be_sent_again() {
    for path in ["/v1/chat/completions", "/upstream/fake/v1/chat/completions"] {
        let server = fake(&[Ending::DiesSlowly(killed()), Ending::Whole]).await;
        let body = Body::from(json!({ "model": "fake", "stream": true }).to_string());
        let Ok(answer) = server.router().oneshot(Request::post(path).body(body).unwrap()).await;
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let told = text(answer).await.unwrap();
        assert!(told.starts_with(": working\n\n") && told.ends_with(&format!("\n\n{EVENT}")), "{told}");
        assert_eq!(server.count(), 2, "{path}");
    }
}

#[tokio::test]
async fn who_does_not_wait_is_told_what_the_server_died_of() {
    let server = fake(&[Ending::DiesUnanswered(killed()), Ending::Whole]).await;
    drop(server.orchestrator().lease("fake").await.unwrap());
    let answer = ask_with(&server, "fake", false, "0").await;
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(error_in(&text(answer).await.unwrap())["code"], "server_crashed");
}

#[tokio::test]
async fn a_request_under_upstream_is_sent_again_as_it_came() {
    let server = fake(&[Ending::DiesUnanswered(killed()), Ending::Whole]).await;
    let request = Request::put("/upstream/fake/odd/path?a=b").body(Body::from("sent")).unwrap();
    let Ok(answer) = server.router().oneshot(request).await;
    assert_eq!(text(answer).await.unwrap(), EVENT);
    let heard = server.heard();
    assert!(heard.starts_with("PUT /odd/path?a=b HTTP/1.1\r\n") && heard.ends_with("sent"), "{heard}");
    assert_eq!(server.count(), 2);
}

fn impatient() -> Policy {
    let budgets = Budgets([("host".to_owned(), Budget::Bytes(TOTAL))].into());
    let soon = Duration::from_millis(20);
    Policy { drain: soon, turn: soon, budgets, ..Policy::default() }
}

/// A request that is at the server, which says nothing.
async fn unanswered(server: &FakeServer) -> impl Future<Output = Response<Body>> + use<> {
    let body = Body::from(json!({ "model": "fake" }).to_string());
    let asked = server.router().oneshot(Request::post("/v1/completions").body(body).unwrap());
    let asked = tokio::spawn(asked);
    server.wait_for_leases(1).await;
    async { asked.await.unwrap().unwrap() }
}

#[tokio::test]
async fn a_stop_that_somebody_asked_for_is_not_undone_for_what_it_cut_off() {
    let server =
        FakeServer::started("application/json", "{}", &[Ending::Silent, Ending::Whole], impatient()).await;
    let answer = unanswered(&server).await;
    server.orchestrator().stop("fake").await.unwrap();
    let answer = answer.await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(error_in(&text(answer).await.unwrap())["code"], "stopped");
    assert_eq!(server.starts(), 1);
}

#[tokio::test]
async fn who_was_cut_off_to_make_room_is_served_after_the_other() {
    let server =
        FakeServer::started("application/json", "{}", &[Ending::Silent, Ending::Whole], impatient()).await;
    server.add("other").await;
    let answer = unanswered(&server).await;
    let other = ask_with(&server, "other", false, "60").await;
    assert_eq!(text(other).await.unwrap(), "{}");
    assert_eq!(text(answer.await).await.unwrap(), "{}");
    assert_eq!(server.starts(), 3);
}
