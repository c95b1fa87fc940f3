//! A painter over a real connection.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use loadmaster_images::{
    Answer, Capabilities, ImageError, StreamEvent, StreamReader, encode_base64, guarded, png, router,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::plain_colour::{self, PlainColour};

async fn start(painter: PlainColour) -> (SocketAddr, Arc<PlainColour>) {
    let painter = Arc::new(painter);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = guarded(router(Arc::clone(&painter) as _), "the-key");
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, painter)
}

async fn send(address: SocketAddr, method: &str, path: &str, key: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.0\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// The status and the body of an answer.
async fn call(address: SocketAddr, method: &str, path: &str, body: &Value) -> (u16, Vec<u8>) {
    let mut stream = send(address, method, path, "the-key", &body.to_string()).await;
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    let head = all.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let status = String::from_utf8_lossy(&all[9..12]).parse().unwrap();
    (status, all.split_off(head + 4))
}

async fn generate(address: SocketAddr, body: &Value) -> (u16, Value) {
    let (status, body) = call(address, "POST", "/v1/images/generations", body).await;
    (status, serde_json::from_slice(&body).unwrap())
}

fn events(body: &[u8]) -> Vec<StreamEvent> {
    StreamReader::default().feed(body)
}

#[tokio::test]
async fn health_and_capabilities_are_told() {
    let (address, painter) = start(PlainColour::default()).await;
    let (status, body) = call(address, "GET", "/health", &json!({})).await;
    assert_eq!((status, body.as_slice()), (200, br#"{"status":"ok"}"#.as_slice()));
    let (_, body) = call(address, "GET", "/v1/images/capabilities", &json!({})).await;
    let told: Capabilities = serde_json::from_slice(&body).unwrap();
    assert_eq!(told, loadmaster_images::Painter::capabilities(&*painter));
}

#[tokio::test]
async fn nobody_gets_in_without_the_key() {
    let (address, _) = start(PlainColour::default()).await;
    for key in ["", "other", "the-key2", "the-ke"] {
        let mut stream = send(address, "GET", "/health", key, "").await;
        let mut all = String::new();
        stream.read_to_string(&mut all).await.unwrap();
        assert!(all.starts_with("HTTP/1.0 401"), "{key}: {all}");
    }
}

#[tokio::test]
async fn images_are_painted() {
    let (address, _) = start(PlainColour::default()).await;
    let (status, body) =
        generate(address, &json!({ "prompt": "a", "n": 2, "size": "64x128", "seed": 5 })).await;
    assert_eq!(status, 200);
    let answer: Answer = serde_json::from_value(body).unwrap();
    assert_eq!(answer.data.iter().map(|image| image.seed).collect::<Vec<_>>(), [5, 6]);
    assert_eq!(
        (answer.size.unwrap().to_string(), &answer.parameters["steps"]),
        ("64x128".to_owned(), &json!(4))
    );
    let info = png::check(&answer.data[0].bytes().unwrap()).unwrap();
    assert_eq!((info.width, info.height), (64, 128));
}

#[tokio::test]
async fn wrong_requests_never_reach_the_painter() {
    let (address, painter) = start(PlainColour::default()).await;
    for (body, status, code, field) in [
        (json!({}), 400, "invalid_request", "prompt"),
        (json!({ "prompt": "a", "n": 9 }), 400, "invalid_request", "n"),
        (json!({ "prompt": "a", "sampler": "best" }), 400, "invalid_request", "sampler"),
        (json!({ "prompt": "a", "size": "2048x2048", "stream": true }), 413, "image_too_large", "size"),
    ] {
        let (answered, told) = generate(address, &body).await;
        let error = &told["error"];
        assert_eq!(
            (answered, &error["code"], &error["param"]),
            (status, &json!(code), &json!(field)),
            "{told}"
        );
    }
    assert_eq!(painter.painted.load(SeqCst), 0);
}

#[tokio::test]
async fn failures_are_typed() {
    let (address, _) = start(PlainColour::default()).await;
    let (status, told) = generate(address, &json!({ "prompt": "full of stars" })).await;
    assert_eq!((status, &told["error"]["code"]), (500, &json!("disk_full")));
    for (prompt, code) in [("full", "disk_full"), ("panic", "generation_failed")] {
        let (status, body) =
            call(address, "POST", "/v1/images/generations", &json!({ "prompt": prompt, "stream": true }))
                .await;
        assert_eq!(status, 200);
        let [StreamEvent::Failed(ImageError { code: told, .. })] = &events(&body)[..] else {
            panic!("{}", String::from_utf8_lossy(&body));
        };
        assert_eq!(told.name(), code);
    }
}

#[tokio::test]
async fn a_stream_tells_of_progress_previews_and_images() {
    let (address, _) = start(PlainColour::default()).await;
    let image = encode_base64(&plain_colour::png(loadmaster_images::Size::new(8, 8), [0; 3]));
    let body =
        json!({ "prompt": "a", "image": image, "n": 2, "steps": 3, "partial_images": 1, "stream": true });
    let (_, stream) = call(address, "POST", "/v1/images/edits", &body).await;
    let text = String::from_utf8_lossy(&stream);
    assert!(
        text.contains("event: image_edit.partial_image\n") && text.contains("event: image_edit.completed\n")
    );
    let events = events(&stream);
    let fractions: Vec<f64> = events
        .iter()
        .filter_map(
            |event| if let StreamEvent::Progress(progress) = event { Some(progress.fraction) } else { None },
        )
        .collect();
    assert!(fractions.len() == 6 && fractions.is_sorted(), "{fractions:?}");
    let partial = events.iter().filter(|event| matches!(event, StreamEvent::Partial(_))).count();
    assert_eq!(partial, 2);
    let [.., StreamEvent::Completed(first), StreamEvent::Completed(last)] = &events[..] else {
        panic!("{text}")
    };
    assert_eq!((first.image, last.image, last.images, last.seed), (0, 1, 2, 8));
    assert_eq!((&last.parameters["inputs"], last.timings.sampling_ms), (&json!(1), 3));
    png::check(&last.bytes).unwrap();

    let quiet = json!({ "prompt": "a", "stream": true, "progress": false });
    let (_, stream) = call(address, "POST", "/v1/images/generations", &quiet).await;
    assert!(!String::from_utf8_lossy(&stream).contains("image_generation.progress"));
}

#[tokio::test]
async fn a_client_that_leaves_cancels() {
    let slow = PlainColour { step: Duration::from_mins(1), ..PlainColour::default() };
    let (address, painter) = start(slow).await;
    for stream in [false, true] {
        let body = json!({ "prompt": "a", "stream": stream }).to_string();
        let connection = send(address, "POST", "/v1/images/generations", "the-key", &body).await;
        until(|| painter.painting.load(SeqCst) == 1).await;
        drop(connection);
        until(|| painter.painting.load(SeqCst) == 0).await;
    }
    assert_eq!(painter.painted.load(SeqCst), 0);
}

async fn until(reached: impl Fn() -> bool) {
    let waits = async {
        while !reached() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waits).await.expect("it never came to that");
}
