//! Reading the configuration again.

use loadmaster_gateway::{Options, ReloadRefused, Reloaded, Reloads};
use tokio::sync::mpsc;

use super::*;

async fn reload(router: axum::Router) -> (StatusCode, Value) {
    let request = Request::post("/api/v1/reload").body(Body::empty()).unwrap();
    let Ok(answer) = router.oneshot(request).await;
    (answer.status(), serde_json::from_str(&text(answer).await.unwrap()).unwrap())
}

#[tokio::test]
async fn it_is_answered_by_who_has_the_configuration() {
    let server = FakeServer::start("application/json", "{}", Ending::Whole).await;
    let (status, told) = reload(server.router()).await;
    assert_eq!((status, &told["error"]["code"]), (StatusCode::NOT_IMPLEMENTED, &json!("not_implemented")));

    let (reloads, mut calls): (Reloads, _) = mpsc::unbounded_channel();
    let options = Options::default().with_reloads(reloads);
    let router = loadmaster_gateway::router_with(server.orchestrator().clone(), options).unwrap();
    let wrong = ReloadRefused { cause: "it is wrong".to_owned(), remedy: "Correct it.".to_owned() };
    let done = Reloaded { added: vec!["a".to_owned()], ..Reloaded::default() };
    let answers = [Ok(done.clone()), Err(wrong)];
    let answering = tokio::spawn(async move {
        for answer in answers {
            calls.recv().await.unwrap().send(answer).unwrap();
        }
    });
    let (status, told) = reload(router.clone()).await;
    assert_eq!((status, serde_json::from_value(told).ok()), (StatusCode::OK, Some(done)));
    let (status, told) = reload(router.clone()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let error = &told["error"];
    let expected = (&json!("bad_configuration"), &json!("it is wrong"), &json!("Correct it."));
    assert_eq!((&error["code"], &error["message"], &error["remedy"]), expected);
    answering.await.unwrap();
    // Nobody has the configuration any more.
    let (status, told) = reload(router).await;
    assert_eq!((status, &told["error"]["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("shutting_down")));
}
