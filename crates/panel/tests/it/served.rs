//! What a browser is answered.

use std::io::Read;

use axum::{
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use flate2::read::GzDecoder;
use http_body_util::BodyExt;
use tower::ServiceExt;

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().expect("headers are ASCII")).unwrap_or_default()
    }
}

async fn get(path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).expect("it is a request");
    let answer = loadmaster_panel::routes().oneshot(request).await.expect("it always answers");
    let (parts, body) = answer.into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.expect("it is in memory").to_bytes().to_vec(),
    }
}

#[tokio::test]
async fn the_page_allows_no_script_of_its_own_and_no_other_host() {
    let answer = get("/", &[]).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
    let policy = answer.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let page = String::from_utf8(answer.body).unwrap();
    assert!(!page.contains("//"), "nothing is loaded from elsewhere: {page}");
    for (at, _) in page.match_indices("<script") {
        assert!(page[at..].starts_with("<script type=\"module\" src=\"/assets/"), "a script in the page");
    }
}

#[tokio::test]
async fn a_file_travels_packed_and_is_the_same() {
    let plain = get("/assets/js/app.js", &[]).await;
    let packed = get("/assets/js/app.js", &[("accept-encoding", "gzip, br")]).await;
    assert_eq!((plain.header("content-encoding"), packed.header("content-encoding")), ("", "gzip"));
    let mut text = Vec::new();
    GzDecoder::new(packed.body.as_slice()).read_to_end(&mut text).unwrap();
    assert_eq!(text, plain.body);
    assert!(packed.body.len() * 2 < text.len(), "{} of {}", packed.body.len(), text.len());
    assert_eq!(packed.header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!(packed.header("vary"), "accept-encoding");
    assert_ne!(packed.header("etag"), plain.header("etag"));
}

#[tokio::test]
async fn what_the_browser_has_is_not_sent_again() {
    let first = get("/assets/css/tokens.css", &[("accept-encoding", "gzip")]).await;
    let tag = first.header("etag").to_owned();
    let again = get("/assets/css/tokens.css", &[("accept-encoding", "gzip"), ("if-none-match", &tag)]).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(again.header("etag"), tag);
    let other = get("/assets/css/tokens.css", &[("if-none-match", &tag)]).await;
    assert_eq!(other.status, StatusCode::OK);
}

#[tokio::test]
async fn nothing_outside_of_the_page_is_served() {
    for path in [
        "/assets/../Cargo.toml",
        "/assets/%2e%2e/Cargo.toml",
        "/assets/js/..%2f..%2f..%2fCargo.toml",
        "/assets//etc/passwd",
        "/assets/%2fetc%2fpasswd",
        "/assets/js",
        "/assets/none.js",
    ] {
        let answer = get(path, &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
}
