//! Streams, read in whatever pieces they come.

use loadmaster_images::{
    Completed, ErrorCode, ImageError, PartialImage, Progress, Size, Stage, StreamEvent, StreamReader, Task,
};
use proptest::prelude::*;

fn events() -> Vec<StreamEvent> {
    let progress = Progress {
        stage: Stage::Sampling,
        step: 1,
        steps: 4,
        images: 1,
        fraction: 0.25,
        ..Progress::default()
    };
    let partial = PartialImage {
        bytes: vec![1, 2],
        index: 0,
        image: 0,
        format: loadmaster_images::ImageFormat::Png,
        size: None,
        created_at: 5,
    };
    let completed = Completed {
        bytes: vec![3, 4],
        size: Some(Size::new(8, 8)),
        seed: 7,
        images: 1,
        ..Completed::default()
    };
    vec![
        StreamEvent::Comment("waiting, place 1 of 2".to_owned()),
        StreamEvent::Progress(progress),
        StreamEvent::Partial(partial),
        StreamEvent::Completed(Box::new(completed)),
        StreamEvent::Failed(ImageError::new(ErrorCode::DiskFull, "The disk is full", "Make room.")),
    ]
}

fn written(events: &[StreamEvent], task: Task) -> String {
    let write = |event: &StreamEvent| match event.written(task) {
        (name, data) if name.is_empty() => format!(": {data}\n\n"),
        (name, data) => format!("event: {name}\ndata: {data}\n\n"),
    };
    events.iter().map(write).collect()
}

proptest! {
    #[test]
    fn events_come_back_from_any_pieces(cuts in proptest::collection::vec(1..200usize, 0..40), edit: bool) {
        let task = if edit { Task::Edit } else { Task::Generate };
        let text = written(&events(), task);
        let mut reader = StreamReader::default();
        let mut read = Vec::new();
        let mut rest = text.as_bytes();
        for cut in cuts {
            let (piece, behind) = rest.split_at(cut.min(rest.len()));
            read.extend(reader.feed(piece));
            rest = behind;
        }
        read.extend(reader.feed(rest));
        prop_assert_eq!(read, events());
    }
}

#[test]
fn names_are_openais() {
    let name = |index: usize, task| events()[index].written(task).0;
    assert_eq!(name(1, Task::Generate), "image_generation.progress");
    assert_eq!(name(2, Task::Generate), "image_generation.partial_image");
    assert_eq!(name(3, Task::Edit), "image_edit.completed");
    assert_eq!(name(4, Task::Edit), "error");
}

#[test]
fn errors_are_known_without_a_name_and_the_unknown_is_kept() {
    let mut reader = StreamReader::default();
    let read = reader.feed(b"data: {\"error\":{\"code\":\"queue_full\",\"message\":\"Too many\"}}\r\n\r\ndata: [DONE]\n\nevent: x\n\n");
    let error = ImageError::new(ErrorCode::Other("queue_full".to_owned()), "Too many", "");
    let done = StreamEvent::Unknown { name: String::new(), data: "[DONE]".to_owned() };
    assert_eq!(read, [StreamEvent::Failed(error), done]);
}

#[test]
fn an_event_that_cannot_be_read_is_a_failure() {
    let event = StreamEvent::read("image_generation.completed", r#"{"type":"image_generation.completed"}"#);
    assert!(matches!(event, StreamEvent::Failed(_)), "{event:?}");
}
