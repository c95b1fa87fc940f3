//! The `OpenAPI` document: checked in, complete, and true.

use std::{collections::BTreeSet, path::Path};

use axum::http::Method;
use serde_json::Value;

use super::api::Api;

/// The root of the workspace.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn document() -> Value {
    serde_json::from_str(&loadmaster_control::openapi()).unwrap()
}

#[test]
fn the_document_that_is_checked_in_is_the_one_that_is_served() {
    let checked_in = std::fs::read_to_string(root().join("docs/openapi.json")).unwrap_or_default();
    assert!(
        checked_in == loadmaster_control::openapi(),
        "docs/openapi.json is out of date; renew it with\n  \
         cargo run -p loadmaster-control --example openapi > docs/openapi.json"
    );
}

/// The paths that are routed in the source of a crate.
fn routed(folder: &Path, paths: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            routed(&path, paths);
        } else {
            let text = std::fs::read_to_string(&path).unwrap();
            // `rustfmt` may put the path on a line of its own.
            let text = text.replace(char::is_whitespace, "");
            let found = text.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next());
            paths.extend(found.filter(|path| path.starts_with("/api/v1")).map(str::to_owned));
        }
    }
}

#[test]
fn nothing_is_served_that_is_not_told_of() {
    let mut paths = BTreeSet::new();
    for crate_ in ["gateway", "control"] {
        routed(&root().join("crates").join(crate_).join("src"), &mut paths);
    }
    assert!(paths.len() > 15, "{paths:?}");
    let document = document();
    let missing: Vec<_> =
        paths.iter().filter(|path| document["paths"].get(path.as_str()).is_none()).collect();
    assert!(missing.is_empty(), "not in the document: {missing:?}");
}

#[tokio::test]
async fn whatever_it_tells_of_is_served() {
    let api = Api::open().await;
    let document = document();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let named = path.replace(['{', '}'], "");
        for method in operations.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let (status, error) = api.begin(&method, &named).await;
            let code = error["error"]["code"].as_str().unwrap_or_default();
            assert!(code != "not_found" && status != 405, "{method} {path}: {status} {error}");
        }
    }
    assert_eq!(api.get("/api/openapi.json").await, document);
}
