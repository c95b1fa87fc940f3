//! Models that are started in another way than they were, and what if they were.

use std::time::Duration;

use super::{painters::Studio, *};

const SMALL: u64 = 64 * 64;

#[tokio::test]
async fn what_if_changes_nothing() {
    let studio = Studio::open(Duration::from_millis(1), None).await;
    let body = json!({ "settings": { "pixels": SMALL } });
    let (status, other) = studio.json("POST", "/api/v1/plan/colour", &body).await;
    assert_eq!((status, &other["plan"]["pixels"]), (StatusCode::OK, &json!(SMALL)), "{other}");
    let (_, now) = studio.json("GET", "/api/v1/plan/colour", &json!({})).await;
    assert_ne!(now["plan"]["pixels"], json!(SMALL));
    assert!(other["devices"][0]["total"].as_u64() < now["devices"][0]["total"].as_u64());
    for body in [json!("words"), json!({ "setings": {} })] {
        let (status, error) = studio.json("POST", "/api/v1/plan/colour", &body).await;
        assert_eq!((status, &error["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_body")));
    }
    let (status, _) = studio.json("POST", "/api/v1/plan/nobody", &json!({})).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_wrong_setting_is_named_and_changes_nothing() {
    let studio = Studio::open(Duration::from_millis(1), None).await;
    let ready = studio.json("POST", "/api/v1/instances/colour?wait=true", &json!({})).await.1;
    let body = json!({ "settings": { "pixels": "many" } });
    for path in ["/api/v1/plan/colour", "/api/v1/instances/colour"] {
        let (status, error) = studio.json("POST", path, &body).await;
        let error = &error["error"];
        assert_eq!((status, &error["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_setting")), "{error}");
        assert_eq!((&error["param"], &error["expected"]), (&json!("pixels"), &json!("a number")));
        assert!(error["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{error}");
    }
    let (_, now) = studio.json("GET", "/api/v1/instances", &json!({})).await;
    assert_eq!(now["models"][0]["instance"]["plan"], ready["instance"]["plan"]);
}

#[tokio::test]
async fn a_model_is_started_with_settings_and_keeps_them_until_it_is_stopped() {
    let studio = Studio::open(Duration::from_millis(1), None).await;
    let start = "/api/v1/instances/colour?wait=true";
    let started = async |body: Value| {
        let (status, model) = studio.json("POST", start, &body).await;
        assert_eq!(status, StatusCode::OK, "{model}");
        (model["instance"]["plan"]["settings"]["pixels"].clone(), model["change"].clone())
    };
    let small = json!({ "settings": { "pixels": SMALL } });
    let (usual, none) = started(json!({})).await;
    assert_ne!(usual, json!(SMALL));
    assert_eq!(none, "none");
    assert_eq!(started(small.clone()).await, (json!(SMALL), json!("reloads")));
    assert_eq!(started(json!({ "settings": {} })).await, (json!(SMALL), json!("none")));
    let automatic = json!({ "settings": { "pixels": null } });
    assert_eq!(started(automatic.clone()).await, (usual.clone(), json!("reloads")));
    // What is automatic already, said in words: nothing has to end for that.
    let said = json!({ "settings": { "pixels": usual } });
    assert_eq!(started(said).await, (usual.clone(), json!("kept")));
    assert_eq!(studio.painters.starts(), 3);

    assert_eq!(started(small.clone()).await.0, json!(SMALL));
    assert_eq!(studio.json("DELETE", "/api/v1/instances/colour", &json!({})).await.0, StatusCode::NO_CONTENT);
    assert_eq!(started(json!({})).await, (usual, json!("none")));
    studio.json("DELETE", "/api/v1/instances/colour", &json!({})).await;
    assert_eq!(started(small).await, (json!(SMALL), json!("taken")));
}

#[tokio::test]
async fn what_a_request_raised_above_the_settings_of_a_start_goes_with_them() {
    let studio = Studio::open(Duration::from_millis(1), None).await;
    let start = "/api/v1/instances/colour?wait=true";
    let pixels = async |body: &Value| {
        let (_, model) = studio.json("POST", start, body).await;
        model["instance"]["plan"]["settings"]["pixels"].clone()
    };
    let usual = pixels(&json!({})).await;
    assert_eq!(pixels(&json!({ "settings": { "pixels": SMALL } })).await, json!(SMALL));
    let image = json!({ "model": "colour", "prompt": "red", "size": "128x128" });
    let (status, answer) = studio.json("POST", "/v1/images/generations", &image).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(pixels(&json!({})).await, json!(128 * 128));
    studio.json("DELETE", "/api/v1/instances/colour", &json!({})).await;
    assert_eq!(pixels(&json!({})).await, usual);
}
