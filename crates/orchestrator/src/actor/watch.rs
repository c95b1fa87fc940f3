//! Looks at instances, and ends those that hang.

use std::{sync::Arc, time::Duration};

use loadmaster_core::{Failure, Health, Instance, InstanceId};

use super::Actor;
use crate::{message::Message, steps::Look, weigher::Weigher};

/// A backend answers within a few seconds. What takes longer is no answer.
const PATIENCE: Duration = Duration::from_secs(10);

impl Actor {
    pub(super) fn look(&self, id: InstanceId) {
        let instance = self.instances.get(&id).map(|running| running.instance.clone());
        let weigher = Arc::clone(&self.weigher);
        let backend = instance.as_ref().map(|instance| self.backend_of(&instance.plan));
        self.later(async move {
            // Without an instance, its end is on the way here.
            let mut look = Look { health: Health::Dead, worked: None };
            if let (Some(instance), Some(Ok(backend))) = (instance, backend) {
                let asked = tokio::time::timeout(PATIENCE, backend.health(&instance)).await;
                look.health = asked.unwrap_or_else(|_| Health::Failing {
                    cause: format!("no answer within {} s", PATIENCE.as_secs()),
                });
                look.worked = worked(&weigher, &instance).await;
            }
            Message::Looked { instance: id, look }
        });
    }

    pub(super) fn end(&self, id: InstanceId, failure: Failure) {
        let Some(running) = self.instances.get(&id) else {
            self.later(async move { Message::StopDone { instance: id, outcome: Ok(()) } });
            return;
        };
        let instance = running.instance.clone();
        let backend = self.backend_of(&instance.plan);
        tracing::warn!(instance = %id, %failure, "ending a server");
        self.later(async move {
            let outcome = match backend {
                Ok(backend) => backend.end(&instance, failure).await,
                Err(error) => Err(error),
            };
            Message::StopDone { instance: id, outcome }
        });
    }
}

async fn worked(weigher: &Weigher, instance: &Instance) -> Option<Duration> {
    let asked = tokio::time::timeout(PATIENCE, weigher.worked(instance.pid?)).await;
    asked.ok().flatten()
}
