//! A request for images, and what comes of it.

use std::collections::VecDeque;

use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode, header::CONTENT_TYPE},
};
use http_body_util::BodyExt;
use loadmaster_images::{Completed, ErrorCode, ImageError, ImageRequest, StreamEvent, StreamReader};
use tower::ServiceExt;

use crate::{Failed, daemon};

/// A request that is being answered. Dropping it calls it off.
pub(super) struct Asked {
    body: Body,
    reader: StreamReader,
    events: VecDeque<StreamEvent>,
}

impl Asked {
    /// Asks `router` for the images of `request`.
    pub(super) async fn begin(router: Router, model: &str, request: &ImageRequest) -> Result<Self, Failed> {
        let mut body = request.to_json();
        body["model"] = model.into();
        let asked = Request::builder()
            .method(Method::POST)
            .uri(request.task.path())
            .header(CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .map_err(|error| Failed::because(format!("The request could not be made: {error}")))?;
        let Ok(answer) = router.oneshot(asked).await;
        let (status, body) = (answer.status(), answer.into_body());
        if status != StatusCode::OK {
            let body = body.collect().await.map_err(|error| broken(&error))?.to_bytes();
            return Err(refused(status, &String::from_utf8_lossy(&body)));
        }
        Ok(Self { body, reader: StreamReader::default(), events: VecDeque::new() })
    }

    /// What comes next; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<StreamEvent>, Failed> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            if let Ok(data) = frame.map_err(|error| broken(&error))?.into_data() {
                self.events.extend(self.reader.feed(&data));
            }
        }
    }
}

/// The image that `event` brings, if it brings one; its failure, if it tells of one.
pub(super) fn completed(event: StreamEvent) -> Result<Option<Completed>, Failed> {
    match event {
        StreamEvent::Completed(completed) if !completed.format.is_whole(&completed.bytes) => {
            Err(Failed::because("The image that came is not whole").remedy("Make it again."))
        }
        StreamEvent::Completed(completed) => Ok(Some(*completed)),
        StreamEvent::Failed(error) => Err(failed(error)),
        _ => Ok(None),
    }
}

fn broken(error: &axum::Error) -> Failed {
    Failed::because(format!("The answer broke off: {error}"))
}

/// An answer that is none.
fn refused(status: StatusCode, body: &str) -> Failed {
    let error = serde_json::from_str(body).ok().as_ref().and_then(ImageError::of_body);
    match error {
        Some(error) if matches!(error.code, ErrorCode::InvalidRequest | ErrorCode::ImageTooLarge) => {
            failed(error)
        }
        _ => daemon::refused(status, body),
    }
}

/// With the exit code that its class has.
fn failed(error: ImageError) -> Failed {
    let failed = match error.code {
        ErrorCode::InvalidRequest | ErrorCode::ImageTooLarge => Failed::usage(error.message),
        ErrorCode::OutOfMemory => Failed::memory(error.message),
        ErrorCode::Other(code) if code == "insufficient_memory" => Failed::memory(error.message),
        _ => Failed::because(error.message),
    };
    if error.remedy.is_empty() { failed } else { failed.remedy(error.remedy) }
}

#[cfg(test)]
mod tests {
    use axum::{body::Bytes, response::IntoResponse};
    use futures_util::stream;
    use loadmaster_images::{Progress, Stage, Task};

    use super::*;

    /// Answers every request with the same words, in pieces of a few bytes: stands for the daemon's router.
    fn fake(status: StatusCode, words: String) -> Router {
        let answer = move || {
            let pieces: Vec<_> = words.as_bytes().chunks(7).map(Bytes::copy_from_slice).collect();
            let body =
                Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, std::convert::Infallible>)));
            async move { (status, body).into_response() }
        };
        Router::new().fallback(answer)
    }

    fn words(events: &[StreamEvent]) -> String {
        let line = |event: &StreamEvent| {
            let (name, data) = event.written(Task::Generate);
            format!("event: {name}\ndata: {data}\n\n")
        };
        format!(": waiting, place 1 of 2\n\n{}", events.iter().map(line).collect::<String>())
    }

    async fn events(router: Router) -> Result<Vec<StreamEvent>, Failed> {
        let mut asked = Asked::begin(router, "m", &ImageRequest::new("a cat")).await?;
        let mut events = Vec::new();
        while let Some(event) = asked.next().await? {
            events.push(event);
        }
        Ok(events)
    }

    #[tokio::test]
    async fn a_stream_is_read_to_its_end() {
        let progress = Progress { stage: Stage::Sampling, step: 1, steps: 4, ..Progress::default() };
        let sent = [StreamEvent::Progress(progress), StreamEvent::Completed(Box::default())];
        let read = events(fake(StatusCode::OK, words(&sent))).await.unwrap();
        assert_eq!(read[0], StreamEvent::Comment("waiting, place 1 of 2".to_owned()));
        assert_eq!(read[1..], sent);
    }

    #[tokio::test]
    async fn what_is_refused_has_its_cause_and_its_exit_code() {
        for (status, code, expected) in [
            (400, ErrorCode::InvalidRequest, Failed::usage("no")),
            (413, ErrorCode::ImageTooLarge, Failed::usage("no")),
            (503, ErrorCode::Other("insufficient_memory".to_owned()), Failed::memory("no")),
            (404, ErrorCode::Other("model_not_found".to_owned()), Failed::not_found("no")),
            (500, ErrorCode::ServerCrashed, Failed::because("no")),
        ] {
            let error = ImageError::new(code, "no", "Do.");
            let status = StatusCode::from_u16(status).unwrap();
            let refused = events(fake(status, error.body().to_string())).await.unwrap_err();
            assert_eq!(format!("{refused:?}"), format!("{:?}", expected.remedy("Do.")), "{error:?}");
        }
        let error = ImageError::new(ErrorCode::OutOfMemory, "no", "");
        let told = completed(StreamEvent::Failed(error)).unwrap_err();
        assert_eq!(format!("{told:?}"), format!("{:?}", Failed::memory("no")));
    }

    #[test]
    fn half_an_image_is_none() {
        let half = Completed { bytes: b"\x89PNG\r\n\x1a\nhalf".to_vec(), ..Completed::default() };
        assert!(completed(StreamEvent::Completed(half.into())).is_err());
    }
}
