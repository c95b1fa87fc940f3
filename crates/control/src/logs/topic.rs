//! The topic `logs`: the latest lines of all logs, and then each new one.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use futures_util::{StreamExt, stream, stream::BoxStream};
use loadmaster_gateway::{News, Topic};
use loadmaster_orchestrator::Orchestrator;
use tokio::sync::broadcast::error::RecvError;

use super::{Level, LogLine, Logs, server, source, tail};

/// How often servers' files are looked at while somebody listens.
const EVERY: Duration = Duration::from_millis(250);

/// How many lines of each log are told at first.
const LATEST: usize = 200;

/// Lines as they are written. Servers' files are looked at while somebody listens.
#[derive(Debug)]
pub(crate) struct LogsTopic {
    logs: Logs,
    orchestrator: Orchestrator,
}

impl LogsTopic {
    pub(crate) fn new(logs: Logs, orchestrator: Orchestrator) -> Self {
        Self { logs, orchestrator }
    }

    fn of_daemon(&self) -> impl futures_util::Stream<Item = Vec<LogLine>> + use<> {
        let lines = self.logs.daemon.listen();
        let latest = self.logs.daemon.lines(Level::Debug, None, LATEST).lines;
        let begin = stream::iter([latest]);
        begin.chain(stream::unfold(lines, |mut lines| async move {
            loop {
                match lines.recv().await {
                    Ok(line) => return Some((vec![line], lines)),
                    // They are in the log, and can be asked for.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        }))
    }

    fn of_servers(&self) -> impl futures_util::Stream<Item = Vec<LogLine>> + use<> {
        let begin = Files {
            logs: self.logs.clone(),
            orchestrator: self.orchestrator.clone(),
            read: BTreeMap::new(),
            ticks: tokio::time::interval(EVERY),
        };
        stream::unfold(begin, |mut files| async move {
            let lines = files.next().await?;
            Some((lines, files))
        })
    }
}

impl Topic for LogsTopic {
    fn listen(&self) -> BoxStream<'static, News> {
        let both = stream::select(self.of_daemon().boxed(), self.of_servers().boxed());
        both.flat_map(stream::iter)
            // What a line says can always be shown.
            .map(|line| News::new("log", serde_json::to_value(&line).unwrap_or_default()))
            .boxed()
    }
}

struct Files {
    logs: Logs,
    orchestrator: Orchestrator,
    /// Up to where each file was read.
    read: BTreeMap<PathBuf, u64>,
    ticks: tokio::time::Interval,
}

impl Files {
    /// The new lines of all files; `None` when nothing runs any more.
    async fn next(&mut self) -> Option<Vec<LogLine>> {
        loop {
            self.ticks.tick().await;
            let status = self.orchestrator.status().await.ok()?;
            let models = status.models.iter().filter(|model| model.instance.is_some());
            let files: Vec<_> =
                models.map(|model| (self.logs.file(model), source(model), model.id.clone())).collect();
            let read = std::mem::take(&mut self.read);
            // A disk may be slow; a thread that ended early has told nothing.
            let (read, lines) = tokio::task::spawn_blocking(move || look(files, read)).await.ok()?;
            self.read = read;
            if !lines.is_empty() {
                return Some(lines);
            }
        }
    }
}

fn look(
    files: Vec<(PathBuf, String, String)>,
    mut read: BTreeMap<PathBuf, u64>,
) -> (BTreeMap<PathBuf, u64>, Vec<LogLine>) {
    let mut lines = Vec::new();
    for (file, source, model) in files {
        let after = read.get(&file).copied();
        // One stat, and no more where nothing was written.
        if std::fs::metadata(&file).is_ok_and(|metadata| Some(metadata.len()) == after) {
            continue;
        }
        // It is looked at again in a moment.
        let Ok(text) = tail::read(&file, after) else { continue };
        let mut told = server::told(&text, &source, &model);
        if after.is_none() {
            told.drain(..told.len().saturating_sub(LATEST));
        }
        lines.append(&mut told);
        read.insert(file, text.next);
    }
    (read, lines)
}
