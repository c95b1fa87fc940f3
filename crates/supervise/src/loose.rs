//! Children that nobody holds any more and that have not gone yet.
//!
//! A child whose handle is dropped is killed at once, and gone a little later: its memory is freed, its output read,
//! its entry in the journal removed. Whoever gives its memory to somebody else, or ends the program, waits for that.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// How many there are.
#[derive(Clone, Debug)]
pub(crate) struct Loose(Arc<watch::Sender<usize>>);

impl Loose {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    /// The two ends of a child that is about to be started.
    pub(crate) fn ends(&self) -> (Held, Runs) {
        let state = Arc::new(Mutex::new(State::Held));
        (Held { state: Arc::clone(&state), loose: self.clone() }, Runs { state, loose: self.clone() })
    }

    /// Waits until there is none.
    pub(crate) async fn none(&self) {
        // The sender lives as long as `self`.
        let _ = self.0.subscribe().wait_for(|loose| *loose == 0).await;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Somebody holds it.
    Held,
    /// Nobody does, and it is not gone.
    Loose,
    /// It is gone.
    Gone,
}

/// Goes to `next`; returns what was before.
fn go(state: &Mutex<State>, next: impl FnOnce(State) -> State) -> State {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let before = *state;
    *state = next(before);
    before
}

/// Kept by whoever holds the child, or waits for it to be started.
#[derive(Debug)]
pub(crate) struct Held {
    state: Arc<Mutex<State>>,
    loose: Loose,
}

impl Drop for Held {
    fn drop(&mut self) {
        let still = |state| if state == State::Held { State::Loose } else { state };
        if go(&self.state, still) == State::Held {
            self.loose.0.send_modify(|loose| *loose += 1);
        }
    }
}

/// Kept by whoever starts the child, and then by whoever watches it.
#[derive(Debug)]
pub(crate) struct Runs {
    state: Arc<Mutex<State>>,
    loose: Loose,
}

impl Drop for Runs {
    fn drop(&mut self) {
        if go(&self.state, |_| State::Gone) == State::Loose {
            self.loose.0.send_modify(|loose| *loose = loose.saturating_sub(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_holds_and_is_not_gone_counts() {
        let loose = Loose::new();
        let count = || *loose.0.borrow();
        let (held, runs) = loose.ends();
        let (other, others) = loose.ends();
        assert_eq!(count(), 0);
        drop(held);
        assert_eq!(count(), 1);
        drop(runs);
        assert_eq!(count(), 0);
        drop(others);
        drop(other);
        assert_eq!(count(), 0, "it had gone by itself");
    }
}
