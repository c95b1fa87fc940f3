//! Memory that is held for programs which are not ours.

use std::{
    collections::BTreeMap,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use loadmaster_core::{DeviceId, HoldId, InstanceId};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::{OrchestratorError, message::Message};

/// What is to be held, for whom, and for how long.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HoldRequest {
    /// Bytes of each device, by its id or one of its other names.
    pub devices: BTreeMap<String, u64>,
    /// What it is for, as people call it.
    pub note: String,
    /// How long it waits at most for others to make room; [`Policy::wait`](crate::Policy::wait) without.
    pub wait: Option<Duration>,
    /// How long it is held at most, from when it is granted; until it is released without.
    pub ttl: Option<Duration>,
}

/// A hold as others see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldStatus {
    /// Its name.
    pub id: HoldId,
    /// What it is for.
    pub note: String,
    /// Bytes of each device; nothing while they are looked up.
    pub devices: BTreeMap<DeviceId, u64>,
    /// Whether the memory is held, and not still waited for.
    pub granted: bool,
    /// The instances that make room for it.
    pub leaving: Vec<InstanceId>,
    /// Seconds after which it ends by itself, when it does.
    pub seconds_left: Option<u64>,
}

/// Memory that is held. Dropping it releases it.
#[derive(Debug)]
pub struct Hold {
    id: HoldId,
    /// `None` when somebody else sees to its end.
    messages: Option<mpsc::WeakUnboundedSender<Message>>,
}

impl Hold {
    pub(crate) fn new(id: HoldId, messages: mpsc::WeakUnboundedSender<Message>) -> Self {
        Self { id, messages: Some(messages) }
    }

    /// Its name.
    pub fn id(&self) -> HoldId {
        self.id
    }

    /// Keeps the memory held after this value is gone: until
    /// [`Orchestrator::release`](crate::Orchestrator::release), or its time is over.
    pub fn keep(mut self) -> HoldId {
        self.messages = None;
        self.id
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(messages) = self.messages.take() {
            crate::message::send(&messages, Message::HoldDropped { hold: self.id });
        }
    }
}

/// A hold that waits until others have made room; a future of it. Dropping it gives it up.
#[derive(Debug)]
pub struct AwaitedHold {
    id: HoldId,
    answered: bool,
    answer: oneshot::Receiver<Result<Hold, OrchestratorError>>,
    messages: mpsc::UnboundedSender<Message>,
}

impl AwaitedHold {
    pub(crate) fn new(
        id: HoldId,
        answer: oneshot::Receiver<Result<Hold, OrchestratorError>>,
        messages: mpsc::UnboundedSender<Message>,
    ) -> Self {
        Self { id, answered: false, answer, messages }
    }

    /// Its name, which events about it have.
    pub fn id(&self) -> HoldId {
        self.id
    }
}

impl Future for AwaitedHold {
    type Output = Result<Hold, OrchestratorError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.answer).poll(context));
        self.answered = true;
        Poll::Ready(answer.unwrap_or(Err(OrchestratorError::Closing)))
    }
}

impl Drop for AwaitedHold {
    fn drop(&mut self) {
        if !self.answered {
            // The actor has ended when this fails, and everything that was held with it.
            let _ = self.messages.send(Message::HoldDropped { hold: self.id });
        }
    }
}
