//! A request on its way to an answer: it waits for a server, is sent, and waits and is sent again when that
//! server ends before it has answered anything.

use std::sync::Arc;

use bytes::Bytes;
use loadmaster_orchestrator::{Lease, OrchestratorError, QueuePlace, Waiting, Wish};
use loadmaster_upstream::RequestError;
use tokio::time::Instant;

use crate::{
    ApiError, Gateway,
    exchange::{self, Answer, Exchange},
    stream::{self, Passage},
};

/// How often a request is sent at most: one that its servers die of shall not kill them for ever.
const SENDS: u32 = 3;

/// The first bytes of a body, if it has any.
pub(crate) type First = Option<Result<Bytes, RequestError>>;

/// One request, until its answer begins. Whoever drops it gives up its place in the queue.
#[derive(Debug)]
pub(crate) struct Attempts {
    gateway: Arc<Gateway>,
    exchange: Exchange,
    /// What is left of it.
    wish: Wish,
    place: Waiting,
    /// When it took its place.
    since: Instant,
    sends: u32,
    /// The end of the server that it was sent to before.
    lost: Option<ApiError>,
    /// The head of the answer, and the lease on the server that it is from.
    sent: Option<(Answer, Lease)>,
}

impl Attempts {
    /// Takes a place in the queue.
    pub(crate) fn begin(gateway: Arc<Gateway>, exchange: Exchange, wish: Wish) -> Self {
        let place = gateway.orchestrator.queue(&exchange.model, wish);
        Self { gateway, exchange, wish, place, since: Instant::now(), sends: 0, lost: None, sent: None }
    }

    /// Waits for a server. Dropping the future keeps the place.
    pub(crate) async fn lease(&mut self) -> Result<Lease, ApiError> {
        let outcome = (&mut self.place).await;
        self.wish.wait = self.wish.wait.map(|wait| wait.saturating_sub(self.since.elapsed()));
        // Not what the server died of, but why nothing more is done about it.
        let given_up = matches!(
            outcome,
            Err(OrchestratorError::WaitedTooLong { .. }
                | OrchestratorError::CalledOff(_)
                | OrchestratorError::Closing)
        );
        let outcome = self.gateway.journal.counts.answered(outcome);
        match self.lost.take() {
            Some(lost) if given_up => Err(lost),
            _ => outcome,
        }
    }

    /// Where it stands in the queue.
    pub(crate) async fn place(&self) -> Option<QueuePlace> {
        self.place.place().await
    }

    /// Whether it is at a server that has sent the head of an answer, and nothing of its body.
    pub(crate) fn is_sent(&self) -> bool {
        self.sent.is_some()
    }

    /// Whether that head is one of a stream of events: a client that waits for its first event can be told so.
    pub(crate) fn streams(&self) -> bool {
        self.sent.as_ref().is_some_and(|(answer, _)| answer.is_event_stream())
    }

    /// Sends the request, and waits for the head of its answer. It has a place in the queue again when the
    /// server ends before.
    pub(crate) async fn ask(&mut self, lease: Lease) -> Result<(), ApiError> {
        self.sends += 1;
        match self.exchange.send(&self.gateway.upstreams.of(lease.instance())?).await {
            Ok(answer) => self.sent = Some((answer, lease)),
            Err(error) => self.again(lease, &error).await?,
        }
        Ok(())
    }

    /// Waits for the first bytes of the answer's body, for [`Attempts::begun`]. Dropping the future loses nothing.
    pub(crate) async fn first(&mut self) -> First {
        let (answer, _) = self.sent.as_mut()?;
        exchange::next_data(&mut answer.body).await
    }

    /// The answer with its first bytes. `None` when the server ended before them: it has a place in the queue again
    /// then.
    pub(crate) async fn begun(&mut self, first: First) -> Result<Option<Passage>, ApiError> {
        let Some((answer, lease)) = self.sent.take() else {
            return Ok(None);
        };
        match first.transpose() {
            Ok(first) => Ok(Some(Passage::new(answer, first, lease))),
            Err(error) => self.again(lease, &error).await.map(|()| None),
        }
    }

    /// Nothing was passed on: where the server is dead, another one may answer.
    async fn again(&mut self, lease: Lease, error: &RequestError) -> Result<(), ApiError> {
        let Some(failure) = stream::death(&lease).await else {
            return Err(stream::broken(&lease, error).await);
        };
        let lost = ApiError::died_unanswered(&self.exchange.model, &failure, self.sends);
        if self.sends >= SENDS {
            return Err(lost);
        }
        tracing::warn!(instance = %lease.instance().id, %failure, "a request is sent again");
        self.lost = Some(lost);
        (self.place, self.since) = (self.gateway.orchestrator.queue_again(&lease, self.wish), Instant::now());
        Ok(())
    }
}
