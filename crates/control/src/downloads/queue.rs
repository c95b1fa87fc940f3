//! Downloads at work: some at once, the others wait for their turn.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use loadmaster_fetch::FetchError;
use loadmaster_gateway::{Board, News};
use loadmaster_models::{Job, Library, ModelsError, Plan, Progress, PullOptions};
use serde_json::json;
use tokio::sync::{Semaphore, watch};

use super::{
    discard::discard,
    list::{Attempt, Left, List, Wish},
    progress,
};
use crate::{
    ApiError, Program, failed,
    logs::ended,
    task::{Task, TaskState},
};

/// How many models come at once. One alone fills most lines, with up to eight connections for each of two files; a
/// second keeps the line busy where the first one's server is slow, or while its hashes are made. More of them only
/// bring every one later.
const AT_ONCE: usize = 2;

/// How many models are checked at once: a disk reads one file faster than two.
const CHECKS: usize = 1;

/// How often listeners are told how far each is.
const EVERY: Duration = Duration::from_millis(250);

/// All downloads. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Downloads(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    program: Arc<dyn Program>,
    library: Library,
    list: Arc<Mutex<List>>,
    board: Board,
    turns: Semaphore,
    checks: Semaphore,
    /// Tells that a model has come.
    arrived: watch::Sender<()>,
}

fn lock(list: &Mutex<List>) -> MutexGuard<'_, List> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Downloads {
    pub(crate) fn new(program: Arc<dyn Program>, library: Library, arrived: watch::Sender<()>) -> Self {
        let list = Arc::<Mutex<List>>::default();
        let told = Arc::clone(&list);
        let board = Board::new(move || {
            let tasks: Vec<_> = lock(&told).tasks().map(Task::shown).collect();
            async move { vec![News::new("downloads", json!({ "downloads": tasks }))] }
        });
        let (turns, checks) = (Semaphore::new(AT_ONCE), Semaphore::new(CHECKS));
        Self(Arc::new(Shared { program, library, list, board, turns, checks, arrived }))
    }

    pub(crate) fn board(&self) -> &Board {
        &self.0.board
    }

    pub(crate) fn all(&self) -> Vec<Task> {
        self.list().tasks().cloned().collect()
    }

    pub(crate) fn get(&self, id: &str) -> Option<Task> {
        self.list().get(id).map(|entry| entry.task.clone())
    }

    /// Begins what is wanted, or tells of the one that is under way.
    pub(super) async fn add(&self, wish: Wish, source: String, anyway: bool) -> Task {
        let (task, attempt) = self.list().add(wish, source, anyway);
        if let Some(attempt) = attempt {
            self.begin(attempt);
            // One that was over may have left the list for it.
            self.0.board.tell_whole().await;
        }
        task
    }

    /// Checks the files of a model of the library, as a task among the downloads.
    pub(crate) async fn verify(&self, name: &str) -> Task {
        self.add(Wish::Verify { name: name.to_owned() }, name.to_owned(), false).await
    }

    /// `None` if there is no such; the state that forbids it, if it cannot be paused.
    pub(super) fn pause(&self, id: &str) -> Option<Result<Task, TaskState>> {
        let mut list = self.list();
        let paused = list.pause(id)?;
        if let Ok(task) = &paused {
            self.tell(task);
        }
        Some(paused)
    }

    /// `None` if there is no such; the state that forbids it, if it cannot go on.
    pub(super) fn resume(&self, id: &str, anyway: bool) -> Option<Result<Task, TaskState>> {
        let (task, attempt) = match self.list().resume(id, anyway)? {
            Ok(resumed) => resumed,
            Err(state) => return Some(Err(state)),
        };
        if let Some(attempt) = attempt {
            self.tell(&task);
            self.begin(attempt);
        }
        Some(Ok(task))
    }

    /// Calls one off, and removes what came; one that is over leaves the list (`Some(None)`).
    pub(super) async fn cancel(&self, id: &str) -> Option<Option<Task>> {
        let (left, wish) = {
            let mut list = self.list();
            let wish = list.get(id)?.wish.clone();
            (list.cancel(id)?, wish)
        };
        match left {
            Left::Gone => {
                self.0.board.tell_whole().await;
                Some(None)
            }
            Left::Cancelled(task, plan) => {
                self.tell(&task);
                if let Some(plan) = plan {
                    let (own, program) = (self.clone(), Arc::clone(&self.0.program));
                    tokio::spawn(discard(program, *plan, move || own.list().wants(&wish)));
                }
                Some(Some(*task))
            }
        }
    }

    fn list(&self) -> MutexGuard<'_, List> {
        lock(&self.0.list)
    }

    fn tell(&self, task: &Task) {
        if self.0.board.is_listened_to() {
            self.0.board.tell(News::new("download", task.shown()));
        }
    }

    fn begin(&self, attempt: Attempt) {
        tokio::spawn(self.clone().run(attempt));
    }

    /// Changes the task of a try that is under way, and tells it.
    fn change(&self, id: &str, number: u64, change: impl FnOnce(&mut Task)) {
        let mut list = self.list();
        if let Some(entry) = list.attempt(id, number) {
            let before = entry.task.clone();
            change(&mut entry.task);
            if entry.task != before {
                // Under the lock, so that changes are told in their order.
                self.tell(&entry.task);
            }
        }
    }

    async fn run(self, Attempt { id, number, stopped }: Attempt) {
        let outcome = tokio::select! {
            biased;
            // Nobody sends anything: it was paused or called off. What came stays beside its place.
            _ = stopped => return,
            outcome = self.work(&id, number) => outcome,
        };
        if let Err(error) = &outcome {
            tracing::warn!(download = id, "it failed: {}", error.body()["error"]["message"]);
        }
        self.change(&id, number, |task| task.end(outcome));
    }

    /// One try, from its turn to its end.
    async fn work(&self, id: &str, number: u64) -> Result<(), ApiError> {
        let Some((wish, plan)) =
            self.list().attempt(id, number).map(|entry| (entry.wish.clone(), entry.plan.clone()))
        else {
            return Ok(());
        };
        let turns = if matches!(wish, Wish::Model { .. }) { &self.0.turns } else { &self.0.checks };
        // They are never closed, so there is a turn.
        let _turn = turns.acquire().await;
        self.change(id, number, |task| task.state = TaskState::Running);
        let latest = Arc::new(Mutex::new(None::<Progress>));
        let hears = Arc::clone(&latest);
        let job = Job::watched(move |progress| {
            *hears.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress.clone());
        });
        let _ends = CallsOff(job.clone());
        let work = async {
            match wish {
                Wish::Model { .. } => self.pull(id, number, &wish, plan, &job).await,
                Wish::Verify { name } => self.check(name, job.clone()).await,
            }
        };
        tokio::pin!(work);
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                outcome = &mut work => return outcome,
                _ = ticks.tick() => {
                    let progress = latest.lock().unwrap_or_else(PoisonError::into_inner).take();
                    if let Some(progress) = progress {
                        self.change(id, number, |task| progress::advance(task, &progress));
                    }
                }
            }
        }
    }

    /// Brings a model, and lets it be used.
    async fn pull(
        &self,
        id: &str,
        number: u64,
        wish: &Wish,
        plan: Option<Plan>,
        job: &Job,
    ) -> Result<(), ApiError> {
        let puller = self.0.program.puller().await?;
        let plan = match plan {
            Some(plan) => plan,
            None => self.plan(id, number, wish, &puller, job).await?,
        };
        if let Err(error) = puller.fetch(plan, job).await {
            if !may_go_on(&error)
                && let Some(entry) = self.list().attempt(id, number)
            {
                // What the hub said may be old.
                entry.plan = None;
            }
            return Err(failed::models(&error));
        }
        if let Err(error) = self.0.program.reload().await {
            // The model is here all the same, and the next reload offers it.
            tracing::warn!("a model that has come is not offered yet: {}", error.body()["error"]["message"]);
        }
        self.0.arrived.send_replace(());
        Ok(())
    }

    /// Finds out what is to be fetched, and whether it may run here.
    async fn plan(
        &self,
        id: &str,
        number: u64,
        wish: &Wish,
        puller: &loadmaster_models::Puller,
        job: &Job,
    ) -> Result<Plan, ApiError> {
        let Wish::Model { reference, name } = wish else {
            return Err(failed::models(&ModelsError::Cancelled));
        };
        let budget = self.0.program.budget().await?;
        let options = PullOptions { name: name.clone(), budget, anyway: true };
        let plan = puller.plan(reference, options, job).await.map_err(|error| failed::models(&error))?;
        self.change(id, number, |task| progress::planned(task, &plan));
        let anyway = self.list().attempt(id, number).is_some_and(|entry| entry.anyway);
        if !anyway && let Some(missing) = self.0.program.shortage(&plan, budget).await? {
            return Err(failed::models(&ModelsError::Refused {
                reason: format!("{} does not fit this machine: {missing}", plan.name),
                remedy: "Choose a smaller model or quantisation, or download it all the same.".to_owned(),
            }));
        }
        if let Some(entry) = self.list().attempt(id, number) {
            entry.plan = Some(plan.clone().without_header());
        }
        Ok(plan)
    }

    /// Compares the files of a model with what they were when they came.
    async fn check(&self, name: String, job: Job) -> Result<(), ApiError> {
        let library = self.0.library.clone();
        let checking = tokio::task::spawn_blocking(move || {
            let manifest = library.get(&name)?;
            library.verify(&[manifest], &job)
        });
        let report =
            checking.await.map_err(|error| ended(&error))?.map_err(|error| failed::models(&error))?;
        failed::damaged(&report).map_or(Ok(()), Err)
    }
}

/// Calls work off when it is dropped: threads of its own would go on.
struct CallsOff(Job);

impl Drop for CallsOff {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Whether another try can go on with the same plan: the network or the disk was at fault, not what was asked for.
fn may_go_on(error: &ModelsError) -> bool {
    use FetchError as F;
    let ModelsError::Fetch(error) = error else { return false };
    matches!(
        error,
        F::Unreachable { .. } | F::Stalled { .. } | F::Cut { .. } | F::DiskFull { .. } | F::Disk { .. }
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use futures_util::StreamExt;
    use loadmaster_gateway::{Reloaded, Topic};
    use loadmaster_models::{Budget, Puller};
    use serde_json::Value;

    use super::*;
    use crate::Setting;

    /// A program that has nothing.
    #[derive(Debug)]
    struct Nothing;

    fn nothing<T>() -> Result<T, ApiError> {
        Err(ApiError::not_implemented("There is nothing here"))
    }

    #[async_trait::async_trait]
    impl Program for Nothing {
        async fn builds(&self) -> Result<loadmaster_binaries::Library, ApiError> {
            nothing()
        }

        async fn puller(&self) -> Result<Puller, ApiError> {
            nothing()
        }

        async fn budget(&self) -> Result<Budget, ApiError> {
            nothing()
        }

        async fn shortage(&self, _plan: &Plan, _budget: Budget) -> Result<Option<String>, ApiError> {
            nothing()
        }

        async fn catalog(&self) -> Result<loadmaster_models::Catalog, ApiError> {
            nothing()
        }

        async fn request_of(
            &self,
            _model: crate::Unloaded,
        ) -> Result<Option<loadmaster_core::LoadRequest>, ApiError> {
            nothing()
        }

        async fn reload(&self) -> Result<Reloaded, ApiError> {
            nothing()
        }

        fn settings(&self) -> Vec<Setting> {
            Vec::new()
        }

        async fn change(&self, _changes: BTreeMap<String, Value>) -> Result<(), ApiError> {
            nothing()
        }
    }

    #[tokio::test]
    async fn a_check_of_a_model_is_a_task_among_the_downloads() {
        let folder = tempfile::tempdir().unwrap();
        let downloads = Downloads::new(
            Arc::new(Nothing),
            Library::open(folder.path()).unwrap(),
            watch::Sender::default(),
        );
        let mut listener = downloads.board().listen();
        let task = downloads.verify("nobody").await;
        loop {
            let news = listener.next().await.unwrap();
            if news.data["state"] == "failed" {
                assert_eq!((&news.data["id"], &news.data["kind"]), (&task.id.into(), &"verify".into()));
                assert_eq!(news.data["error"]["code"], "model_not_found");
                return;
            }
        }
    }
}
