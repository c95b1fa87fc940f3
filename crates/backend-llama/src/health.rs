//! How a server is, and what it is working on.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use loadmaster_core::Health;
use loadmaster_upstream::{Method, Upstream};
use serde_json::Value;

/// How long a look may take. The server answers from a thread that does no work, within a millisecond.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks for `/slots`, which says as much as `/health` and what the server is working on.
pub(crate) async fn ask(upstream: &Upstream) -> Health {
    let failing = |cause: String| Health::Failing { cause };
    let asked = upstream.request(Method::GET, "/slots").timeout(PATIENCE);
    // It serves eight kept connections at once: this one is not to be among them.
    match asked.header("connection", "close").send().await {
        Ok(answer) if answer.status().is_success() => match answer.json().await {
            Ok(slots) => of_slots(&slots),
            Err(error) => failing(error.to_string()),
        },
        // While it loads, every path answers 503.
        Ok(answer) if answer.status().as_u16() == 503 => Health::Loading,
        // It answers, and does not tell: `--no-slots` was asked for.
        Ok(answer) if !answer.status().is_server_error() || answer.status().as_u16() == 501 => Health::Ready,
        Ok(answer) => failing(answer.status().to_string()),
        Err(error) if error.is_timeout() => {
            failing(format!("it did not answer within {} s", PATIENCE.as_secs()))
        }
        Err(error) => failing(error.to_string()),
    }
}

/// What the slots work on. How far they are changes with every batch of a prompt and with every token.
fn of_slots(slots: &Value) -> Health {
    let mut hasher = DefaultHasher::new();
    let mut working = false;
    for slot in slots.as_array().into_iter().flatten() {
        if slot["is_processing"].as_bool() != Some(true) {
            continue;
        }
        working = true;
        let number = |value: &Value| value.as_u64();
        for name in ["id", "id_task", "n_prompt_tokens", "n_prompt_tokens_processed"] {
            number(&slot[name]).hash(&mut hasher);
        }
        // A list of one in newer builds, and itself in older ones.
        let next = &slot["next_token"];
        number(&next[0]["n_decoded"]).or(number(&next["n_decoded"])).hash(&mut hasher);
    }
    if working { Health::Working { progress: hasher.finish() } } else { Health::Ready }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_batch_and_every_token_is_progress() {
        let slot = |processed: u64, decoded: u64| {
            json!([
                { "id": 0, "is_processing": false },
                { "id": 1, "is_processing": true, "id_task": 7, "n_prompt_tokens_processed": processed,
                  "next_token": [{ "n_decoded": decoded }] },
            ])
        };
        assert_eq!(of_slots(&slot(0, 0)), of_slots(&slot(0, 0)));
        assert_ne!(of_slots(&slot(0, 0)), of_slots(&slot(2048, 0)));
        assert_ne!(of_slots(&slot(2048, 0)), of_slots(&slot(2048, 1)));
        let older = |decoded: u64| json!([{ "is_processing": true, "next_token": { "n_decoded": decoded } }]);
        assert_ne!(of_slots(&older(0)), of_slots(&older(1)));
        assert!(matches!(of_slots(&older(0)), Health::Working { .. }));
    }

    #[test]
    fn who_works_on_nothing_is_ready() {
        assert_eq!(of_slots(&json!([{ "id": 0, "is_processing": false }])), Health::Ready);
        assert_eq!(of_slots(&json!([])), Health::Ready);
    }
}
