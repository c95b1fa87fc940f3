//! How far an installation is, told as a task.

use std::time::Instant;

use loadmaster_binaries::Step;
use loadmaster_fetch::Speed;

use crate::task::{Part, Task, TaskState, eta_ms};

/// The speed of the file that is on its way.
#[derive(Debug, Default)]
pub(super) struct Pace(Option<(String, Speed)>);

impl Pace {
    /// Bytes per second of `what`, of which there are `bytes` now.
    fn watch(&mut self, what: &str, bytes: u64, now: Instant) -> Option<u64> {
        match &mut self.0 {
            Some((of, speed)) if of == what => {
                speed.watch(now, bytes);
                Some(speed.now()).filter(|&speed| speed > 0)
            }
            other => {
                *other = Some((what.to_owned(), Speed::new(now, bytes)));
                None
            }
        }
    }
}

/// Takes over what is done now.
pub(super) fn advance(task: &mut Task, pace: &mut Pace, step: &Step, now: Instant) {
    let shown = serde_json::to_value(step).unwrap_or_default();
    task.step = shown["step"].as_str().map(str::to_owned);
    if let Some(build) = shown["build"].as_str() {
        build.clone_into(&mut task.source);
    }
    (task.bytes_per_second, task.eta_ms) = (None, None);
    task.state = match step {
        Step::Waiting => TaskState::Queued,
        Step::Starting { .. } | Step::Working { .. } => TaskState::Verifying,
        _ => TaskState::Running,
    };
    match step {
        Step::Trying { .. } => (task.bytes, task.total, task.parts) = (0, None, Vec::new()),
        Step::Fetching { what, bytes, total } => {
            let speed = pace.watch(what, *bytes, now);
            part(task, what, *bytes, *total);
            task.bytes = task.parts.iter().map(|part| part.bytes).sum();
            task.total = task.parts.iter().map(|part| part.total).sum();
            (task.bytes_per_second, task.eta_ms) = (speed, eta_ms(task.bytes, task.total, speed));
        }
        _ => {}
    }
}

fn part(task: &mut Task, name: &str, bytes: u64, total: Option<u64>) {
    match task.parts.iter_mut().find(|part| part.name == name) {
        Some(part) => (part.bytes, part.total) = (bytes, total),
        None => task.parts.push(Part { name: name.to_owned(), bytes, total }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use loadmaster_binaries::Variant;

    use super::*;
    use crate::task::TaskKind;

    #[test]
    fn files_add_up_and_the_proof_is_told() {
        let mut task = Task::new("install-1".to_owned(), TaskKind::Install, "llama".to_owned());
        let (mut pace, start) = (Pace::default(), Instant::now());
        let fetching = |what: &str, bytes| Step::Fetching { what: what.to_owned(), bytes, total: Some(100) };
        let build = || "b1".to_owned();
        let mut after = |ms, step: Step| {
            advance(&mut task, &mut pace, &step, start + Duration::from_millis(ms));
            let speed = task.bytes_per_second;
            (task.state, task.step.clone().unwrap(), task.bytes, task.total, speed, task.eta_ms)
        };
        let step = str::to_owned;
        after(0, Step::Trying { build: build(), variant: Variant::Cpu, number: 1, of: 1 });
        after(0, fetching("b1", 0));
        let told = after(1000, fetching("b1", 50));
        assert_eq!(told, (TaskState::Running, step("fetching"), 50, Some(100), Some(50), Some(1000)));
        after(2000, fetching("b1", 100));
        let told = after(2000, fetching("libraries", 20));
        assert_eq!(told, (TaskState::Running, step("fetching"), 120, Some(200), None, None));
        let told = after(3000, Step::Working { build: build(), variant: Variant::Cpu });
        assert_eq!(told, (TaskState::Verifying, step("working"), 120, Some(200), None, None));
        assert_eq!((task.source.as_str(), task.parts.len()), ("b1", 2));
    }
}
