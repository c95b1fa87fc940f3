//! Where what is shown comes from: the API of a running Loadmaster, and nothing else.

use std::{sync::Arc, time::Duration};

use reqwest::Method;
use serde_json::Value;
use tokio::sync::{
    Notify,
    mpsc::{self, UnboundedReceiver, UnboundedSender},
};

use super::{
    seen::Program,
    state::{EVENTS, State},
    ui::Deed,
};
use crate::{
    Failed,
    commands::events::clock::now_ms,
    config::Config,
    daemon::{self, Following, Heard},
};

const TOPICS: &str = "memory,jobs,downloads";
const INSTANCES: &str = "/api/v1/instances";

/// How often instances are asked for: no topic tells how many requests run and wait.
const EVERY: Duration = Duration::from_secs(1);

/// How long after an event they are asked for: events come in groups.
const AFTER_EVENT: Duration = Duration::from_millis(50);

/// How long what is told at the beginning may take.
const BEGINNING: Duration = Duration::from_secs(10);

/// What comes in.
#[derive(Debug)]
pub(crate) enum News {
    Heard(Heard),
    /// What `GET /api/v1/instances` answered.
    Instances(Value),
    Program(Program),
    /// What came of something that the user did.
    Done(String),
}

/// A connection that has just begun.
pub(crate) struct Beginning {
    pub(crate) state: State,
    following: Following,
    /// The last event that had happened.
    last: Option<u64>,
}

/// Begins to listen, with the last events that happened before. Fails where nobody answers.
pub(crate) async fn begin(config: &Config) -> Result<Beginning, Failed> {
    let program = program(config).await?;
    let mut following = Following::begin(config, "", None).await?;
    let snapshot = loop {
        match following.next().await {
            Heard::Told(told) if told.name == "snapshot" => break told,
            Heard::Told(_) | Heard::Back => {}
            Heard::Lost(why) => return Err(Failed::because(why)),
        }
    };
    // Numbers of events begin anew in the status, and go on over restarts in the stream.
    let happened = snapshot.data["last_event"].as_u64().unwrap_or(0).min(EVENTS as u64);
    let since = snapshot.id.map(|id| id.saturating_sub(happened));
    let following = Following::begin(config, TOPICS, since).await?;
    let state = State::of(program, now_ms()).instances(snapshot.data);
    Ok(Beginning { state, following, last: snapshot.id.filter(|_| happened > 0) })
}

impl Beginning {
    /// Everything, at one moment.
    pub(crate) async fn whole(mut self) -> Result<State, Failed> {
        let mut state = self.state;
        let listening = async {
            while !state.is_whole(self.last) {
                let heard = self.following.next().await;
                if let Heard::Lost(why) = heard {
                    return Err(Failed::because(why));
                }
                state = state.take(heard, now_ms());
            }
            Ok(state)
        };
        tokio::time::timeout(BEGINNING, listening)
            .await
            .map_err(|_| Failed::because("Loadmaster does not tell everything that is shown"))?
    }

    /// What comes in from now on, until the runtime ends.
    pub(crate) fn follow(self, config: &Config) -> (State, Feed) {
        let (tell, news) = mpsc::unbounded_channel();
        let feed = Feed { config: config.clone(), tell, news, ask: Arc::default() };
        tokio::spawn(listen(self.following, feed.tell.clone(), Arc::clone(&feed.ask), config.clone()));
        tokio::spawn(poll(config.clone(), feed.tell.clone(), Arc::clone(&feed.ask)));
        (self.state, feed)
    }
}

/// What comes in, and what is done.
pub(crate) struct Feed {
    config: Config,
    tell: UnboundedSender<News>,
    pub(crate) news: UnboundedReceiver<News>,
    /// Instances are asked for now.
    ask: Arc<Notify>,
}

impl Feed {
    /// Starts or stops a model, and tells what came of it.
    pub(crate) fn act(&self, deed: Deed) {
        let (config, tell, ask) = (self.config.clone(), self.tell.clone(), Arc::clone(&self.ask));
        tokio::spawn(async move {
            let (method, model, done) = match &deed {
                Deed::Start(model) => (Method::POST, model, "is being started"),
                Deed::Stop(model) => (Method::DELETE, model, "is stopped"),
            };
            let path = format!("{INSTANCES}/{}", daemon::escaped(model));
            let told = match daemon::ask(&config, method, &path).await {
                Ok(_) => format!("{model} {done}"),
                Err(failed) => failed.told().0.to_owned(),
            };
            // Nobody listens any more when the program ends.
            let _ = tell.send(News::Done(told));
            ask.notify_one();
        });
    }
}

async fn program(config: &Config) -> Result<Program, Failed> {
    daemon::read(&daemon::ask(config, Method::GET, "/api/v1/system").await?)
}

/// Passes on what is heard. Comes back by itself, and asks then who is there.
async fn listen(mut following: Following, tell: UnboundedSender<News>, ask: Arc<Notify>, config: Config) {
    loop {
        let heard = following.next().await;
        let is_back = matches!(heard, Heard::Back);
        if matches!(&heard, Heard::Told(told) if told.id.is_some()) {
            ask.notify_one();
        }
        if tell.send(News::Heard(heard)).is_err() {
            return;
        }
        if is_back && let Ok(program) = program(&config).await {
            // The next message finds out whether anybody listens.
            let _ = tell.send(News::Program(program));
        }
    }
}

/// Asks for the instances again and again.
async fn poll(config: Config, tell: UnboundedSender<News>, ask: Arc<Notify>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = ask.notified() => tokio::time::sleep(AFTER_EVENT).await,
        }
        // Whoever listens to events tells when nobody answers any more.
        let Ok(body) = daemon::ask(&config, Method::GET, INSTANCES).await else { continue };
        let Ok(status) = daemon::read(&body) else { continue };
        if tell.send(News::Instances(status)).is_err() {
            return;
        }
    }
}
