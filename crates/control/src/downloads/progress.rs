//! How far a download is, told as a task.

use loadmaster_models::{FileProgress, Plan, Progress, Step};

use crate::task::{Part, Task, TaskState, eta_ms};

/// What is known of a model before its first byte.
pub(super) fn planned(task: &mut Task, plan: &Plan) {
    task.model = Some(plan.name.to_string());
    task.total = plan.files.iter().map(|file| file.size).sum();
    let parts = plan.files.iter().map(|file| {
        let name = file.path.file_name().to_owned();
        // Of a download that was paused, what came is kept.
        let bytes = task.parts.iter().find(|part| part.name == name).map_or(0, |part| part.bytes);
        Part { name, bytes, total: file.size }
    });
    task.parts = parts.collect();
}

/// Takes over what the work says of itself.
pub(super) fn advance(task: &mut Task, progress: &Progress) {
    task.state = if progress.step == Step::Verify { TaskState::Verifying } else { TaskState::Running };
    task.step = serde_json::to_value(progress.step).ok().and_then(|step| step.as_str().map(str::to_owned));
    // Steps before the first byte have no measure; and what an earlier try has left is there, though it was not
    // looked at yet.
    if progress.total.is_none() || (progress.done == 0 && task.bytes > 0) {
        (task.bytes_per_second, task.eta_ms) = (None, None);
        return;
    }
    if progress.files.is_empty() {
        task.bytes = progress.done;
    } else {
        task.parts = progress.files.iter().map(|file| part(file, &task.parts)).collect();
        task.bytes = task.parts.iter().map(|part| part.bytes).sum();
    }
    task.total = progress.total;
    task.bytes_per_second = progress.speed;
    task.eta_ms = eta_ms(task.bytes, progress.total, progress.speed);
}

/// One file; of one that was not looked at yet, what an earlier try told.
fn part(file: &FileProgress, earlier: &[Part]) -> Part {
    let told = earlier.iter().find(|part| part.name == file.name).map_or(0, |part| part.bytes);
    let bytes = if file.done == 0 { told } else { file.done };
    Part { name: file.name.clone(), bytes, total: file.total }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::TaskKind;

    fn progress(step: Step, done: u64, total: Option<u64>) -> Progress {
        let files = vec![FileProgress { name: "a".to_owned(), done, total }];
        let what = "m".to_owned();
        Progress { step, what, done, total, speed: Some(10), seconds_left: None, files }
    }

    #[test]
    fn what_came_earlier_is_not_taken_back_before_it_is_looked_at() {
        let mut task = Task::new("t".to_owned(), TaskKind::Download, "o/r".to_owned());
        advance(&mut task, &progress(Step::Download, 50, Some(100)));
        let told = (task.state, task.bytes, task.total, task.eta_ms, task.parts[0].bytes);
        assert_eq!(told, (TaskState::Running, 50, Some(100), Some(5000), 50));
        task.rest(TaskState::Paused);
        for (step, total) in [(Step::Resolve, None), (Step::Download, Some(100))] {
            advance(&mut task, &progress(step, 0, total));
            assert_eq!((task.bytes, task.total, task.bytes_per_second), (50, Some(100), None));
        }
        // It began anew: the file on the server is another one.
        advance(&mut task, &progress(Step::Download, 20, Some(100)));
        advance(&mut task, &progress(Step::Verify, 100, Some(100)));
        assert_eq!(
            (task.state, task.bytes, task.step.as_deref()),
            (TaskState::Verifying, 100, Some("verify"))
        );
    }

    #[test]
    fn files_that_were_not_looked_at_again_keep_what_came() {
        let of = |bytes: [u64; 2]| {
            let files = ["a", "b"].into_iter().zip(bytes);
            let files =
                files.map(|(name, done)| FileProgress { name: name.to_owned(), done, total: Some(100) });
            let done = bytes.iter().sum();
            Progress { files: files.collect(), ..progress(Step::Download, done, Some(200)) }
        };
        let mut task = Task::new("t".to_owned(), TaskKind::Download, "o/r".to_owned());
        advance(&mut task, &of([50, 40]));
        task.rest(TaskState::Paused);
        for (found, told) in [([50, 0], 90), ([50, 41], 91), ([1, 41], 42)] {
            advance(&mut task, &of(found));
            assert_eq!((task.bytes, task.parts.iter().map(|part| part.bytes).sum::<u64>()), (told, told));
        }
    }
}
