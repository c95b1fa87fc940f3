//! A request on its way to an answer: it waits for a server, is sent, and waits and is sent again when that
//! server ends before it has answered anything.

use std::{sync::Arc, time::Duration};

use axum::http::StatusCode;
use bytes::Bytes;
use loadmaster_core::Instance;
use loadmaster_orchestrator::{Lease, OrchestratorError, QueuePlace, Waiting, Wish};
use loadmaster_upstream::RequestError;
use tokio::time::{Instant, timeout};

use crate::{
    ApiError, Gateway,
    exchange::{self, Answer, Exchange},
    images::{self, Reach},
    stream::{self, Passage},
};

/// How often a request is sent at most: one that its servers die of shall not kill them for ever.
const SENDS: u32 = 3;

/// How long a server may stay that was started for less: until its next plan is made.
const CHANGE: Duration = Duration::from_secs(30);

/// How often it is looked whether it has gone.
const GLANCE: Duration = Duration::from_millis(50);

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
    /// What its server must have been started for.
    need: Option<Arc<Reach>>,
    /// The server that was started for less, and until when it has to have gone.
    outgrown: Option<(Instance, Instant)>,
}

impl Attempts {
    /// Takes a place in the queue.
    pub(crate) fn begin(gateway: Arc<Gateway>, exchange: Exchange, wish: Wish) -> Self {
        let place = gateway.orchestrator.queue(&exchange.model, wish);
        Self {
            gateway,
            exchange,
            wish,
            place,
            since: Instant::now(),
            sends: 0,
            lost: None,
            sent: None,
            need: None,
            outgrown: None,
        }
    }

    /// Waits for a server that was started for images like these.
    pub(crate) fn with_need(self, need: Arc<Reach>) -> Self {
        Self { need: Some(need), ..self }
    }

    /// Waits for a server. Dropping the future keeps the place.
    pub(crate) async fn lease(&mut self) -> Result<Lease, ApiError> {
        loop {
            self.leave_the_outgrown().await;
            let lease = self.granted().await?;
            if !self.need.as_deref().is_some_and(|need| images::outgrown(&lease, *need)) {
                return Ok(lease);
            }
            let until = self.outgrown.take().map_or_else(|| Instant::now() + CHANGE, |(_, until)| until);
            if until <= Instant::now() {
                return Err(unchanged(&self.exchange.model));
            }
            self.outgrown = Some((lease.instance().clone(), until));
        }
    }

    /// A server that was started for less goes as soon as its next plan was made: a place behind that.
    async fn leave_the_outgrown(&mut self) {
        if let Some((instance, _)) = self.outgrown.as_ref().filter(|_| self.place.is_answered()) {
            // Its end, or a moment in which somebody else may be served.
            let _ = timeout(GLANCE, instance.exit.wait()).await;
            let place = self.gateway.orchestrator.queue(&self.exchange.model, self.wish);
            (self.place, self.since) = (place, Instant::now());
        }
    }

    async fn granted(&mut self) -> Result<Lease, ApiError> {
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
            return Err(stream::broken(&lease, error));
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

/// The model was changed for other images, and its server did not go.
fn unchanged(model: &str) -> ApiError {
    let message = format!("'{model}' could not be loaded again for images like this");
    let remedy = "Ask for a smaller image, or raise the model's setting `pixels`.";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "insufficient_memory", message, remedy)
}
