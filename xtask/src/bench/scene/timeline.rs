//! What was in memory when, by the daemon's events.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::bench::http::{Address, Connection};

/// Something that happened, and when.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Moment {
    pub(crate) at: Duration,
    pub(crate) event: Value,
}

/// Listens to the events of a daemon.
pub(crate) struct Timeline {
    moments: mpsc::Receiver<Moment>,
}

impl Timeline {
    /// Begins to listen; what happens from now on is told, until the daemon ends. Times count from `begun`.
    pub(crate) fn begin(address: &Address, begun: Instant) -> Result<Self> {
        let mut connection = Connection::open(address)?;
        connection.get("/api/v1/events")?;
        let mut head = connection.head().context("the daemon tells no events")?;
        let (send, moments) = mpsc::channel();
        // It ends with the daemon, which closes the stream.
        thread::spawn(move || {
            let mut unread = Vec::new();
            while let Ok(Some(piece)) = connection.piece(&mut head) {
                unread.extend(piece);
                let at = begun.elapsed();
                for event in whole_events(&mut unread) {
                    if send.send(Moment { at, event }).is_err() {
                        return;
                    }
                }
            }
        });
        Ok(Self { moments })
    }

    /// What has happened since the last call.
    pub(crate) fn so_far(&self) -> Vec<Moment> {
        self.moments.try_iter().collect()
    }
}

/// Takes the events that are whole out of what was read: the JSON of each.
fn whole_events(unread: &mut Vec<u8>) -> Vec<Value> {
    let mut events = Vec::new();
    while let Some(end) = unread.windows(2).position(|two| two == b"\n\n") {
        let event: Vec<u8> = unread.drain(..end + 2).collect();
        let text = String::from_utf8_lossy(&event).into_owned();
        let data = text.lines().find_map(|line| line.strip_prefix("data:"));
        events.extend(data.and_then(|data| serde_json::from_str(data.trim()).ok()));
    }
    events
}

/// One line for each moment at which what is in memory changed, or conversations were kept or given back.
pub(crate) fn lines(moments: &[Moment]) -> Vec<String> {
    let mut reserved: BTreeMap<String, u64> = BTreeMap::new();
    let mut lines = Vec::new();
    for Moment { at, event } in moments {
        let instance = event["instance"].as_str().unwrap_or_default().to_owned();
        let model = instance.rsplit_once('#').map_or(instance.as_str(), |(model, _)| model).to_owned();
        let what = match (event["event"].as_str(), event["state"].as_str()) {
            (Some("reserved"), _) => {
                let devices = event["estimate"]["devices"].as_array().into_iter().flatten();
                let bytes = devices.filter_map(|device| device["total"].as_u64()).sum();
                reserved.insert(instance, bytes);
                continue;
            }
            (Some("state"), Some("starting")) => format!("{model} is loaded"),
            (Some("state"), Some("ready")) => format!("{model} is ready"),
            (Some("state"), Some("draining")) => format!("{model} finishes what it has"),
            (Some("state"), Some("stopped" | "crashed")) => {
                reserved.remove(&instance);
                format!("{model} is gone")
            }
            (Some("making-room"), _) => {
                format!("room is made for {}", event["model"].as_str().unwrap_or_default())
            }
            (Some(kept @ ("saved" | "restored")), _) => {
                let tokens = event["kept"]["tokens"].as_u64().unwrap_or(0);
                if tokens == 0 {
                    continue;
                }
                format!("{model}: {tokens} tokens of conversation {kept}")
            }
            _ => continue,
        };
        lines.push(format!("{:7.2} s  {what:52} {}", at.as_secs_f64(), in_memory(&reserved)));
    }
    lines
}

fn in_memory(reserved: &BTreeMap<String, u64>) -> String {
    if reserved.is_empty() {
        return "nothing".to_owned();
    }
    let each = reserved.iter().map(|(instance, bytes)| format!("{instance} {} MiB", bytes >> 20));
    each.collect::<Vec<_>>().join(" + ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_says_what_is_in_memory_after_it() {
        let at = Duration::from_millis(1500);
        let moments: Vec<Moment> = [
            json!({ "event": "reserved", "instance": "chat#1", "estimate": { "devices": [{ "total": 3 << 20 }] } }),
            json!({ "event": "state", "instance": "chat#1", "state": "ready" }),
            json!({ "event": "saved", "instance": "chat#1", "kept": { "tokens": 40 } }),
            json!({ "event": "state", "instance": "chat#1", "state": "stopped" }),
            json!({ "event": "something else" }),
        ]
        .map(|event| Moment { at, event })
        .into();
        let lines = lines(&moments);
        assert!(
            lines[0].starts_with("   1.50 s  chat is ready ") && lines[0].ends_with(" chat#1 3 MiB"),
            "{lines:?}"
        );
        assert!(lines[1].contains("chat: 40 tokens of conversation saved"), "{lines:?}");
        assert!(lines[2].contains("chat is gone") && lines[2].ends_with(" nothing"), "{lines:?}");
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn events_are_read_wherever_they_are_cut() {
        let mut unread = b": alive\n\nevent: state\nid: 1\ndata: {\"event\":\"state\"}\n\ndata: {".to_vec();
        assert_eq!(whole_events(&mut unread), [json!({ "event": "state" })]);
        assert_eq!(unread, b"data: {");
    }
}
