//! Events of a running `loadmaster serve`, over broken connections and restarts.

use std::time::Duration;

use super::events::{Events, Told};
use crate::{Failed, config::Config};

/// How long to wait before each attempt to connect again; the last holds for all that follow.
const PAUSES_MS: [u64; 5] = [300, 600, 1000, 2000, 3000];

/// What a follower hears.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Something was told.
    Told(Told),
    /// The connection is lost, and why. It is tried again from now on.
    Lost(String),
    /// The connection is there again.
    Back,
}

/// Follows the events, and comes back by itself to where it was.
pub(crate) struct Following {
    config: Config,
    path: String,
    /// The event up to which all was heard.
    last: Option<u64>,
    events: Option<Events>,
    attempt: usize,
}

impl Following {
    /// Begins to listen, after the event `since` if it is still known. Fails where nobody answers the first time.
    pub(crate) async fn begin(config: &Config, topics: &str, since: Option<u64>) -> Result<Self, Failed> {
        let path = match topics {
            "" => "/api/v1/events".to_owned(),
            topics => format!("/api/v1/events?topics={}", super::escaped(topics)),
        };
        let events = Events::listen_after(config, &path, since).await?;
        Ok(Self { config: config.clone(), path, last: since, events: Some(events), attempt: 0 })
    }

    /// What is heard next. Never ends.
    pub(crate) async fn next(&mut self) -> Heard {
        loop {
            let Some(events) = &mut self.events else {
                let pause = PAUSES_MS[self.attempt.min(PAUSES_MS.len() - 1)];
                self.attempt += 1;
                tokio::time::sleep(Duration::from_millis(pause)).await;
                if let Ok(events) = Events::listen_after(&self.config, &self.path, self.last).await {
                    self.events = Some(events);
                    self.attempt = 0;
                    return Heard::Back;
                }
                continue;
            };
            let why = match events.told().await {
                Ok(Some(told)) => {
                    self.last = told.id.or(self.last);
                    return Heard::Told(told);
                }
                Ok(None) => "Loadmaster ended".to_owned(),
                Err(failed) => failed.told().0.to_owned(),
            };
            self.events = None;
            return Heard::Lost(why);
        }
    }
}
