//! Reads the stream of an answer.

use crate::StreamEvent;

/// Makes events of the bytes of a stream, in whatever pieces they come
/// (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
///
/// ```
/// use loadmaster_images::{StreamEvent, StreamReader};
///
/// let mut reader = StreamReader::default();
/// assert!(reader.feed(b": waiting, place 1").is_empty());
/// let events = reader.feed(b" of 2\n\n");
/// assert_eq!(events, [StreamEvent::Comment("waiting, place 1 of 2".to_owned())]);
/// ```
#[derive(Debug, Default)]
pub struct StreamReader {
    /// What is there of the line that is not whole.
    line: Vec<u8>,
    name: String,
    data: String,
}

impl StreamReader {
    /// Takes more of the stream, and gives the events that are whole now.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<StreamEvent> {
        let mut events = Vec::new();
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.line.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.line);
            events.extend(self.line(&String::from_utf8_lossy(&line)));
        }
        self.line.extend_from_slice(rest);
        events
    }

    fn line(&mut self, line: &str) -> Option<StreamEvent> {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
            return (!data.is_empty()).then(|| StreamEvent::read(&name, &data));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => return Some(StreamEvent::Comment(value.to_owned())),
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            _ => {}
        }
        None
    }
}
