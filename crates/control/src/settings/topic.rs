//! The topic `settings`: all of them, and again when one may have changed.

use futures_util::{StreamExt, stream, stream::BoxStream};
use loadmaster_core::Event;
use loadmaster_gateway::{News, Topic};
use loadmaster_orchestrator::Notice;
use tokio::sync::broadcast::error::RecvError;

use super::Settings;
use crate::ControlState;

/// All settings, again whenever one was changed or the configuration was read.
#[derive(Debug)]
pub(crate) struct SettingsTopic(pub(crate) ControlState);

impl Topic for SettingsTopic {
    fn listen(&self) -> BoxStream<'static, News> {
        let state = self.0.clone();
        let (events, changed) = (state.orchestrator.events(), state.settings_changes());
        let whole = |state: &ControlState| {
            // Settings can always be shown.
            News::new("settings", serde_json::to_value(Settings::of(state)).unwrap_or_default())
        };
        let first = whole(&state);
        let later =
            stream::unfold((state, events, changed), move |(state, mut events, mut changed)| async move {
                loop {
                    tokio::select! {
                        change = changed.changed() => change.ok()?,
                        notice = events.recv() => match notice {
                            Ok(Notice { event: Event::Reloaded { .. } | Event::BudgetsChanged { .. }, .. })
                            | Err(RecvError::Lagged(_)) => {}
                            Ok(_) => continue,
                            Err(RecvError::Closed) => return None,
                        },
                    }
                    return Some((whole(&state), (state, events, changed)));
                }
            });
        stream::iter([first]).chain(later).boxed()
    }
}
