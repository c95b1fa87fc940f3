//! How far the stop of a child has come: pure decisions over time.

use std::time::Duration;

use tokio::time::Instant;

/// How long the system may take to end a killed process before its end counts as unknown.
///
/// A process in an uninterruptible call of a driver does not die of KILL until that call returns;
/// whoever waits for it must not wait with it. Ten seconds cover the freeing of very large memory.
const KILL_PATIENCE: Duration = Duration::from_secs(10);

/// Where a stop stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopping {
    /// Nobody asked for one.
    No,
    /// TERM was sent; KILL follows at this time.
    Asked { kill_at: Instant },
    /// KILL was sent; after this time the end counts as unknown.
    Killed { give_up_at: Instant },
    /// The system does not end it.
    GivenUp,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Nothing,
    Terminate,
    Kill,
    GiveUp,
}

impl Stopping {
    /// Somebody asks for a stop with this much patience. The least patient of several wins.
    pub(crate) fn ask(&mut self, patience: Duration, now: Instant) -> Act {
        // An absurd patience must not overflow the clock; a year is forever here.
        let patience = patience.min(Duration::from_hours(365 * 24));
        let wanted = now + patience;
        match self {
            Self::No => {
                *self = Self::Asked { kill_at: wanted };
                Act::Terminate
            }
            Self::Asked { kill_at } => {
                *kill_at = wanted.min(*kill_at);
                Act::Nothing
            }
            Self::Killed { .. } | Self::GivenUp => Act::Nothing,
        }
    }

    /// The owner is gone: no more patience.
    pub(crate) fn abandon(&mut self, now: Instant) -> Act {
        match self {
            Self::No | Self::Asked { .. } => {
                *self = Self::Killed { give_up_at: now + KILL_PATIENCE };
                Act::Kill
            }
            Self::Killed { .. } | Self::GivenUp => Act::Nothing,
        }
    }

    /// When the next step is due, if one is.
    pub(crate) fn due(&self) -> Option<Instant> {
        match *self {
            Self::Asked { kill_at } => Some(kill_at),
            Self::Killed { give_up_at } => Some(give_up_at),
            Self::No | Self::GivenUp => None,
        }
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Instant) -> Act {
        match *self {
            Self::Asked { kill_at } if now >= kill_at => self.abandon(now),
            Self::Killed { give_up_at } if now >= give_up_at => {
                *self = Self::GivenUp;
                Act::GiveUp
            }
            _ => Act::Nothing,
        }
    }

    /// Whether somebody asked for the end of the child.
    pub(crate) fn asked(&self) -> bool {
        *self != Self::No
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Act, KILL_PATIENCE, Stopping};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn term_then_kill_then_unknown() {
        let start = Instant::now();
        let mut stopping = Stopping::No;
        assert!(!stopping.asked());
        assert_eq!(stopping.ask(3 * SECOND, start), Act::Terminate);
        assert!(stopping.asked());
        assert_eq!(stopping.tick(start + 2 * SECOND), Act::Nothing);
        assert_eq!(stopping.tick(start + 3 * SECOND), Act::Kill);
        assert_eq!(stopping.due(), Some(start + 3 * SECOND + KILL_PATIENCE));
        let late = start + 3 * SECOND + KILL_PATIENCE;
        assert_eq!(stopping.tick(late), Act::GiveUp);
        assert_eq!(stopping.due(), None);
        assert_eq!(stopping.tick(late + SECOND), Act::Nothing);
    }

    #[test]
    fn the_least_patient_caller_wins_and_term_is_sent_once() {
        let start = Instant::now();
        let mut stopping = Stopping::No;
        assert_eq!(stopping.ask(60 * SECOND, start), Act::Terminate);
        assert_eq!(stopping.ask(5 * SECOND, start + SECOND), Act::Nothing);
        assert_eq!(stopping.due(), Some(start + 6 * SECOND));
        assert_eq!(stopping.ask(90 * SECOND, start + SECOND), Act::Nothing);
        assert_eq!(stopping.due(), Some(start + 6 * SECOND));
    }

    #[test]
    fn an_abandoned_child_is_killed_once() {
        let start = Instant::now();
        let mut stopping = Stopping::No;
        assert_eq!(stopping.abandon(start), Act::Kill);
        assert_eq!(stopping.abandon(start), Act::Nothing);
        assert_eq!(stopping.ask(SECOND, start), Act::Nothing);
    }

    #[test]
    fn endless_patience_does_not_overflow() {
        let mut stopping = Stopping::No;
        assert_eq!(stopping.ask(Duration::MAX, Instant::now()), Act::Terminate);
        assert!(stopping.due().is_some());
    }
}
