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
async fn a_model_is_started_with_settings_and_keeps_them() {
    let studio = Studio::open(Duration::from_millis(1), None).await;
    let start = "/api/v1/instances/colour?wait=true";
    let pixels = async |body: Value| {
        let (status, model) = studio.json("POST", start, &body).await;
        assert_eq!(status, StatusCode::OK, "{model}");
        model["instance"]["plan"]["settings"]["pixels"].clone()
    };
    let usual = pixels(json!({})).await;
    assert_ne!(usual, json!(SMALL));
    assert_eq!(pixels(json!({ "settings": { "pixels": SMALL } })).await, json!(SMALL));
    assert_eq!(pixels(json!({ "settings": {} })).await, json!(SMALL));
    assert_eq!(pixels(json!({ "settings": { "pixels": null } })).await, usual);
    assert_eq!(studio.painters.starts(), 3);
}
