//! There are no hangups here: `loadmaster reload` and a change of the file do the same.

use super::Hangup;
use crate::Failed;

/// Hangups, of which there are none.
pub(crate) struct Hangups;

impl Hangups {
    /// Begins to listen.
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
    pub(crate) fn listen() -> Result<Self, Failed> {
        Ok(Self)
    }

    /// Waits for the next one, for ever.
    pub(crate) async fn next(&mut self) -> Hangup {
        std::future::pending().await
    }
}
