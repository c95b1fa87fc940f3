//! Several engines at work on one list of questions.

use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use anyhow::Result;
use serde::Serialize;

use super::engine::Engine;
use super::rows;

/// Asks all `questions`, `jobs` at a time, each by an engine of its own, and adds the rows to `file` as they come.
pub(super) fn ask_all<Q: Send, R: Serialize>(
    llama_server: &Path,
    jobs: u32,
    questions: VecDeque<Q>,
    file: File,
    ask: impl Fn(&mut Engine, Q) -> Result<R> + Sync,
) -> Result<()> {
    let questions = Mutex::new(questions);
    let file = Mutex::new(file);
    let next = || {
        let mut questions = questions.lock().ok()?;
        if questions.len().is_multiple_of(100) {
            eprintln!("{} to go", questions.len());
        }
        questions.pop_front()
    };
    let work = || -> Result<()> {
        let mut engine = Engine::new(llama_server)?;
        while let Some(question) = next() {
            let row = ask(&mut engine, question)?;
            rows::append(&mut file.lock().expect("no holder of this lock panics"), &row)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("a worker does not panic"))
    })
}
