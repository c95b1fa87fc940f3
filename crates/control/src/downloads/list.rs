//! The list of downloads, and what may become of each: no work is done here.

use loadmaster_models::{ModelName, Plan, Reference};
use tokio::sync::oneshot;

use crate::task::{Task, TaskKind, TaskState};

/// How many that are over stay in the list.
const OVER: usize = 50;

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    /// A model is brought here.
    Model {
        /// Which.
        reference: Reference,
        /// What to call it, if not as its file.
        name: Option<ModelName>,
    },
    /// The files of a model that is here are checked.
    Verify {
        /// The model.
        name: String,
    },
}

/// One of the list.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) task: Task,
    pub(super) wish: Wish,
    /// Even if it does not fit this machine.
    pub(super) anyway: bool,
    /// What is fetched, once that is known: another try fetches the same.
    pub(super) plan: Option<Plan>,
    /// Counts up with each try: what an earlier one tells is not heard any more.
    pub(super) attempt: u64,
    /// Ends the try that is under way when it is dropped.
    stop: Option<oneshot::Sender<()>>,
}

/// A try that is to be made.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) id: String,
    pub(super) number: u64,
    /// Completes when it is to end.
    pub(super) stopped: oneshot::Receiver<()>,
}

/// What comes of calling one off.
#[derive(Debug)]
pub(super) enum Left {
    /// It was over, and is not in the list any more.
    Gone,
    /// It is called off; what came under this plan is to go.
    Cancelled(Box<Task>, Option<Box<Plan>>),
}

/// All of them, in the order in which they were asked for.
#[derive(Debug, Default)]
pub(super) struct List {
    entries: Vec<Entry>,
    /// How many there have been.
    count: u64,
}

impl Entry {
    /// The next try.
    fn begin(&mut self) -> Attempt {
        self.task.rest(TaskState::Queued);
        self.task.error = None;
        self.attempt += 1;
        let (stop, stopped) = oneshot::channel();
        self.stop = Some(stop);
        Attempt { id: self.task.id.clone(), number: self.attempt, stopped }
    }
}

impl List {
    pub(super) fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.entries.iter().map(|entry| &entry.task)
    }

    pub(super) fn get(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.task.id == id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.task.id == id)
    }

    /// The one whose try is under way.
    pub(super) fn attempt(&mut self, id: &str, number: u64) -> Option<&mut Entry> {
        self.get_mut(id).filter(|entry| entry.attempt == number && entry.stop.is_some())
    }

    /// Adds what is wanted. Of two who want the same the second is told of the first, which goes on if it was paused
    /// or had failed.
    pub(super) fn add(&mut self, wish: Wish, source: String, anyway: bool) -> (Task, Option<Attempt>) {
        if let Some(same) = self.entries.iter_mut().find(|entry| entry.wish == wish) {
            match same.task.state {
                TaskState::Paused | TaskState::Failed => {
                    same.anyway |= anyway;
                    let attempt = same.begin();
                    return (same.task.clone(), Some(attempt));
                }
                TaskState::Done | TaskState::Cancelled => {
                    let id = same.task.id.clone();
                    self.entries.retain(|entry| entry.task.id != id);
                }
                TaskState::Queued | TaskState::Running | TaskState::Verifying => {
                    same.anyway |= anyway;
                    return (same.task.clone(), None);
                }
            }
        }
        self.count += 1;
        let kind = match wish {
            Wish::Model { .. } => TaskKind::Download,
            Wish::Verify { .. } => TaskKind::Verify,
        };
        let mut task = Task::new(format!("download-{}", self.count), kind, source);
        task.model = match &wish {
            Wish::Model { name, .. } => name.as_ref().map(ToString::to_string),
            Wish::Verify { name } => Some(name.clone()),
        };
        let mut entry = Entry { task, wish, anyway, plan: None, attempt: 0, stop: None };
        let attempt = entry.begin();
        let task = entry.task.clone();
        self.entries.push(entry);
        self.forget();
        (task, Some(attempt))
    }

    /// Forgets the oldest of those that are over, when there are many.
    fn forget(&mut self) {
        let over = self.entries.iter().filter(|entry| entry.task.state.is_over()).count();
        let mut spare = over.saturating_sub(OVER);
        self.entries.retain(|entry| {
            let goes = spare > 0 && entry.task.state.is_over();
            spare -= usize::from(goes);
            !goes
        });
    }

    /// Ends the try that is under way and keeps what came. The state that forbids it, if it cannot be paused.
    pub(super) fn pause(&mut self, id: &str) -> Option<Result<Task, TaskState>> {
        let entry = self.get_mut(id)?;
        if entry.task.state.is_over() || entry.task.kind == TaskKind::Verify {
            return Some(Err(entry.task.state));
        }
        entry.stop = None;
        entry.task.rest(TaskState::Paused);
        Some(Ok(entry.task.clone()))
    }

    /// Goes on with one that was paused or has failed. The state that forbids it, if it cannot.
    pub(super) fn resume(
        &mut self,
        id: &str,
        anyway: bool,
    ) -> Option<Result<(Task, Option<Attempt>), TaskState>> {
        let entry = self.get_mut(id)?;
        entry.anyway |= anyway;
        Some(match entry.task.state {
            TaskState::Paused | TaskState::Failed => {
                let attempt = entry.begin();
                Ok((entry.task.clone(), Some(attempt)))
            }
            TaskState::Queued | TaskState::Running | TaskState::Verifying => Ok((entry.task.clone(), None)),
            state @ (TaskState::Done | TaskState::Cancelled) => Err(state),
        })
    }

    /// Calls one off; one that is over leaves the list.
    pub(super) fn cancel(&mut self, id: &str) -> Option<Left> {
        let entry = self.get_mut(id)?;
        if entry.task.state.is_over() {
            self.entries.retain(|entry| entry.task.id != id);
            return Some(Left::Gone);
        }
        entry.stop = None;
        entry.task.rest(TaskState::Cancelled);
        Some(Left::Cancelled(Box::new(entry.task.clone()), entry.plan.take().map(Box::new)))
    }

    /// Whether somebody wants it, and nobody has called it off since.
    pub(super) fn wants(&self, wish: &Wish) -> bool {
        self.entries.iter().any(|entry| entry.wish == *wish && entry.task.state != TaskState::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(list: &mut List, source: &str) -> (Task, Option<Attempt>) {
        let wish = Wish::Model { reference: source.parse().unwrap(), name: None };
        list.add(wish, source.to_owned(), false)
    }

    fn end(list: &mut List, id: &str) {
        list.get_mut(id).unwrap().task.end(Ok(()));
    }

    #[test]
    fn the_second_who_wants_the_same_is_told_of_the_first() {
        let mut list = List::default();
        let (first, attempt) = add(&mut list, "a/b");
        let mut attempt = attempt.unwrap();
        let (second, none) = add(&mut list, "a/b");
        assert_eq!((&first.id, none.is_none()), (&second.id, true));
        // It was paused: who asks for it wants it to go on.
        assert_eq!(list.pause(&first.id).unwrap().unwrap().state, TaskState::Paused);
        assert!(attempt.stopped.try_recv().is_err(), "it ends");
        assert!(list.attempt(&first.id, attempt.number).is_none(), "it is not heard any more");
        let (third, again) = add(&mut list, "a/b");
        assert_eq!((third.id.as_str(), third.state), (first.id.as_str(), TaskState::Queued));
        assert_eq!(again.unwrap().number, attempt.number + 1);
        // One that is over is another one the next time.
        end(&mut list, &first.id);
        assert_ne!(add(&mut list, "a/b").0.id, first.id);
        assert_ne!(add(&mut list, "a/c").0.id, first.id);
        assert_eq!(list.tasks().count(), 2);
    }

    #[test]
    fn what_is_over_can_only_be_taken_off_the_list() {
        let mut list = List::default();
        let id = add(&mut list, "a/b").0.id;
        assert!(
            matches!(list.cancel(&id), Some(Left::Cancelled(task, None)) if task.state == TaskState::Cancelled)
        );
        assert!(matches!(list.pause(&id), Some(Err(TaskState::Cancelled))));
        assert!(matches!(list.resume(&id, false), Some(Err(TaskState::Cancelled))));
        assert!(matches!(list.cancel(&id), Some(Left::Gone)));
        assert!(list.cancel(&id).is_none() && list.pause(&id).is_none() && list.resume(&id, false).is_none());
        let checked = list.add(Wish::Verify { name: "m".to_owned() }, "m".to_owned(), false).0;
        assert!(matches!(list.pause(&checked.id), Some(Err(TaskState::Queued))));
    }

    #[test]
    fn of_those_that_are_over_the_latest_stay() {
        let mut list = List::default();
        for number in 0..OVER + 10 {
            let id = add(&mut list, &format!("a/b{number}")).0.id;
            end(&mut list, &id);
        }
        assert_eq!(list.tasks().count(), OVER + 1);
        assert_eq!(list.tasks().last().unwrap().id, format!("download-{}", OVER + 10));
    }
}
