//! A painter over HTTP.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Request, State, rejection::BytesRejection},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::{get, post},
};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinHandle},
};

use crate::{
    Answer, Capabilities, Completed, ErrorCode, ImageError, ImageEvent, ImageRequest, Painter, Painting,
    Partial, PartialImage, Size, StreamEvent, Task,
};

/// The largest request in bytes: images in base64, as large as forms of half the size.
pub const REQUEST_LIMIT: usize = 128 << 20;

/// How often a stream says that it lives where nothing else happens.
const ALIVE: Duration = Duration::from_secs(5);

/// How many events may wait for a client; progress beyond that is lost.
const EVENTS: usize = 64;

/// All routes of the protocol over `painter`.
pub fn router(painter: Arc<dyn Painter>) -> Router {
    Router::new()
        .route("/health", get(async || Json(json!({ "status": "ok" }))))
        .route("/v1/images/capabilities", get(capabilities))
        .route(Task::Generate.path(), post(async |painter, body| paint(painter, Task::Generate, body).await))
        .route(Task::Edit.path(), post(async |painter, body| paint(painter, Task::Edit, body).await))
        .layer(DefaultBodyLimit::max(REQUEST_LIMIT))
        .with_state(painter)
}

/// Lets only those in who bring `api_key` as `Authorization: Bearer KEY`: for ports, which everybody on the machine
/// can reach.
pub fn guarded(router: Router, api_key: &str) -> Router {
    let expected = format!("Bearer {api_key}");
    router.layer(middleware::from_fn(move |request: Request, next: Next| {
        let brought = request.headers().get(header::AUTHORIZATION);
        let lets_in = brought.is_some_and(|brought| same(brought.as_bytes(), expected.as_bytes()));
        async move {
            if lets_in { next.run(request).await } else { StatusCode::UNAUTHORIZED.into_response() }
        }
    }))
}

/// Whether two keys are the same, in a time that does not tell where they differ.
fn same(brought: &[u8], expected: &[u8]) -> bool {
    let difference = brought.iter().zip(expected).fold(0, |all, (a, b)| all | (a ^ b));
    brought.len() == expected.len() && difference == 0
}

type State_ = State<Arc<dyn Painter>>;

async fn capabilities(State(painter): State_) -> Json<Capabilities> {
    Json(painter.capabilities())
}

async fn paint(
    State(painter): State_,
    task: Task,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ImageError> {
    let body = body.map_err(|rejection| {
        let code = if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            ErrorCode::ImageTooLarge
        } else {
            ErrorCode::InvalidRequest
        };
        ImageError::new(code, rejection.body_text(), "Send a smaller request.")
    })?;
    let request = ImageRequest::read(task, &body)?;
    painter.capabilities().check(&request)?;
    if request.stream {
        return Ok(streamed(painter, request));
    }
    // Nobody listens: the client gets all at once.
    let (events, _) = mpsc::channel(1);
    // This future is dropped with its client, and the painting with it.
    let painting = painter.paint(request, events).await?;
    Ok(Json(Answer::of(&painting, now())).into_response())
}

/// A painting that ends when nobody waits for it any more.
struct Paints(JoinHandle<Result<Painting, ImageError>>);

impl Drop for Paints {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The stream of a request's events. It paints in a task of its own, so that a client that reads slowly does not
/// hold it up.
struct Streams {
    paints: Paints,
    events: mpsc::Receiver<ImageEvent>,
    /// Whether the painter may still send events.
    open: bool,
    task: Task,
    size: Option<Size>,
    progress: bool,
    /// What is to be sent at the end, the last one first. `None` while it paints.
    last: Option<Vec<StreamEvent>>,
}

fn streamed(painter: Arc<dyn Painter>, request: ImageRequest) -> Response {
    let (sender, events) = mpsc::channel(EVENTS);
    let (task, size, progress) = (request.task, request.size, request.progress);
    let paints = Paints(tokio::spawn(async move { painter.paint(request, sender).await }));
    let streams = Streams { paints, events, open: true, task, size, progress, last: None };
    let stream = stream::unfold(streams, |mut streams| async move {
        let (name, data) = streams.next().await?.written(streams.task);
        Some((Ok::<_, Infallible>(Event::default().event(name).data(data)), streams))
    });
    let mut response = Sse::new(stream).keep_alive(KeepAlive::new().interval(ALIVE)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

impl Streams {
    async fn next(&mut self) -> Option<StreamEvent> {
        loop {
            if let Some(last) = &mut self.last {
                return last.pop();
            }
            let event = tokio::select! {
                biased;
                event = self.events.recv(), if self.open => event,
                outcome = &mut self.paints.0 => {
                    self.last = Some(self.ends(outcome));
                    continue;
                }
            };
            match event {
                Some(ImageEvent::Progress(progress)) if self.progress => {
                    return Some(StreamEvent::Progress(progress));
                }
                Some(ImageEvent::Progress(_)) => {}
                Some(ImageEvent::Partial(partial)) => return Some(self.partial(partial)),
                None => self.open = false,
            }
        }
    }

    fn partial(&self, partial: Partial) -> StreamEvent {
        let Partial { bytes, format, index, image } = partial;
        StreamEvent::Partial(PartialImage { bytes, index, image, format, size: self.size, created_at: now() })
    }

    fn ends(&self, outcome: Result<Result<Painting, ImageError>, JoinError>) -> Vec<StreamEvent> {
        let painting = match outcome {
            Ok(Ok(painting)) => painting,
            Ok(Err(error)) => return vec![StreamEvent::Failed(error)],
            Err(stopped) => {
                let message = format!("The painting ended without a word: {stopped}");
                let remedy = "Send the request again; report it if it stays.";
                return vec![StreamEvent::Failed(ImageError::new(
                    ErrorCode::GenerationFailed,
                    message,
                    remedy,
                ))];
            }
        };
        let Painting { images, size, parameters, timings } = painting;
        let count = u32::try_from(images.len()).unwrap_or(u32::MAX);
        let mut events: Vec<StreamEvent> = (0..)
            .zip(images)
            .map(|(image, painted)| {
                StreamEvent::Completed(Box::new(Completed {
                    bytes: painted.bytes,
                    created_at: now(),
                    size: size.or(self.size),
                    format: painted.format,
                    seed: painted.seed,
                    image,
                    images: count,
                    parameters: parameters.clone(),
                    timings,
                }))
            })
            .collect();
        events.reverse();
        events
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs()
}

impl IntoResponse for ImageError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body: Value = self.body();
        (status, Json(body)).into_response()
    }
}
