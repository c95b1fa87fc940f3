//! Removes what came of a download that was called off.

use std::{sync::Arc, time::Duration};

use loadmaster_models::Plan;

use crate::Program;

/// How often it is tried: threads that wrote for it may still be at their last piece.
const TRIES: u32 = 40;

/// The pause after each try.
const PAUSE: Duration = Duration::from_millis(50);

/// Removes what came under `plan`, unless somebody wants it again by now.
pub(super) async fn discard(program: Arc<dyn Program>, plan: Plan, is_wanted: impl Fn() -> bool + Send) {
    let Ok(puller) = program.puller().await else { return };
    let mut last = None;
    for _ in 0..TRIES {
        if is_wanted() {
            return;
        }
        let (puller, plan) = (puller.clone(), plan.clone());
        last = match tokio::task::spawn_blocking(move || puller.discard(&plan)).await {
            Ok(Ok(true)) | Err(_) => return,
            Ok(Ok(false)) => None,
            // Something was written into the folder while it was removed.
            Ok(Err(error)) => Some(error),
        };
        tokio::time::sleep(PAUSE).await;
    }
    let cause = last.map_or_else(|| "another process is at it".to_owned(), |error| error.to_string());
    tracing::warn!("what came of a download that was called off is still there: {cause}");
}
