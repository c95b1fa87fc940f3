//! The actor with a toy backend whose starts wait for the test.
#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

mod at_work;
mod beside;
mod gpus;
mod loads;
mod toy;

use std::time::Duration;

use loadmaster_core::{Event, Failure, FailureReason, InstanceState};
use loadmaster_orchestrator::{Lease, Notice, Orchestrator, OrchestratorError};
use tokio::sync::broadcast::Receiver;

use self::toy::Toy;

/// Waits for the event that says `state`.
async fn until(events: &mut Receiver<Notice>, state: &str) {
    loop {
        match events.recv().await.expect("the orchestrator lives").event {
            Event::State { state: now, .. } if now.name() == state => return,
            _ => {}
        }
    }
}

fn spawn_lease(orchestrator: &Orchestrator) -> tokio::task::JoinHandle<Result<Lease, OrchestratorError>> {
    let orchestrator = orchestrator.clone();
    tokio::spawn(async move { orchestrator.lease("toy").await })
}

async fn leases(orchestrator: &Orchestrator) -> usize {
    let status = orchestrator.status().await.unwrap();
    status.models[0].instance.as_ref().map_or(0, |instance| instance.leases)
}

#[tokio::test(start_paused = true)]
async fn a_stop_calls_a_start_off() {
    let toy = Toy::new();
    let orchestrator = toy.orchestrator().await;
    let mut events = orchestrator.events();
    let waiting = spawn_lease(&orchestrator);
    until(&mut events, "starting").await;
    orchestrator.stop("toy").await.unwrap();
    assert!(matches!(waiting.await.unwrap(), Err(OrchestratorError::CalledOff(_))));
    assert_eq!(toy.alive(), 0, "the start's future was dropped, and its process with it");
    until(&mut events, "stopped").await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_gives_up_leaves_no_lease() {
    let toy = Toy::new();
    let orchestrator = toy.orchestrator().await;
    let mut events = orchestrator.events();
    let gives_up = spawn_lease(&orchestrator);
    until(&mut events, "starting").await;
    gives_up.abort();
    toy.let_start();
    until(&mut events, "ready").await;
    // The lease that nobody took came back before this one was asked for.
    let lease = orchestrator.lease("toy").await.unwrap();
    assert_eq!(leases(&orchestrator).await, 1);
    drop(lease);
    assert_eq!(leases(&orchestrator).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_leases_and_no_longer_than_the_drain() {
    let toy = Toy::new();
    let orchestrator = toy.orchestrator().await;
    toy.let_start();
    let lease = orchestrator.lease("toy").await.unwrap();
    let before = tokio::time::Instant::now();
    orchestrator.stop("toy").await.unwrap();
    assert_eq!(before.elapsed().as_secs(), toy::DRAIN.as_secs());
    assert_eq!(toy.stops(), 1);
    drop(lease);
}

#[tokio::test(start_paused = true)]
async fn a_crash_reaches_those_who_hold_leases() {
    let toy = Toy::new();
    let orchestrator = toy.orchestrator().await;
    toy.let_start();
    let lease = orchestrator.lease("toy").await.unwrap();
    let mut events = orchestrator.events();
    let failure = Failure::new(FailureReason::Signal { name: "SIGKILL".to_owned() });
    toy.crash(failure.clone());
    assert_eq!(lease.crashed().await, failure);
    until(&mut events, "crashed").await;
    let status = orchestrator.status().await.unwrap();
    let state = &status.models[0].instance.as_ref().unwrap().state;
    assert_eq!(*state, InstanceState::Crashed { failure });
    // The next request starts it again.
    toy.let_start();
    assert_ne!(orchestrator.lease("toy").await.unwrap().instance().id, lease.instance().id);
}

#[tokio::test]
async fn who_knows_of_a_crash_first_is_not_given_the_dead() {
    let toy = Toy::new();
    let orchestrator = toy.orchestrator().await;
    toy.let_start();
    let lease = orchestrator.lease("toy").await.unwrap();
    toy.let_start();
    toy.crash(Failure::new(FailureReason::Unknown));
    // On this one thread nobody else has run since: the request overtakes the crash's own message.
    assert_ne!(orchestrator.lease("toy").await.unwrap().instance().id, lease.instance().id);
}

#[tokio::test(start_paused = true)]
async fn closing_stops_everything_and_turns_requests_away() {
    let toy = Toy::new();
    let orchestrator = toy.orchestrator().await;
    toy.let_start();
    drop(orchestrator.lease("toy").await.unwrap());
    orchestrator.close().await;
    assert_eq!((toy.alive(), toy.stops()), (0, 1));
    assert!(matches!(orchestrator.lease("toy").await, Err(OrchestratorError::Closing)));
    // Closing what is closed is no error.
    orchestrator.close().await;
}

#[tokio::test(start_paused = true)]
async fn closing_during_a_start_leaves_nothing() {
    let toy = Toy::new();
    let orchestrator = toy.orchestrator().await;
    let mut events = orchestrator.events();
    let waiting = spawn_lease(&orchestrator);
    until(&mut events, "starting").await;
    tokio::time::timeout(Duration::from_mins(1), orchestrator.close()).await.expect("it ends");
    assert!(matches!(waiting.await.unwrap(), Err(OrchestratorError::Closing)));
    assert_eq!(toy.alive(), 0);
}
