//! Instances, as the actor handles them: started, leased, and stopped by their backends.

use std::sync::Arc;

use loadmaster_core::{Backend, BackendError, Event, Instance, InstanceId, LaunchPlan};
use tokio::sync::{mpsc, oneshot};

use super::{Actor, Running};
use crate::{
    Lease,
    at_work::AtWork,
    message::{Message, send},
    steps::{Facts, Input, Prepared, Ticket},
};

impl Actor {
    pub(super) fn backend_of(&self, plan: &LaunchPlan) -> Result<Arc<dyn Backend>, BackendError> {
        self.registry.get(&plan.backend).cloned().ok_or_else(|| {
            BackendError::system("finding the plan's backend", format!("there is no '{}'", plan.backend))
        })
    }

    /// The instances that work, and take memory for it that they give back.
    pub(super) fn at_work(&self) -> Vec<AtWork> {
        self.at_work_beside(None)
    }

    fn at_work_beside(&self, leaving: Option<&InstanceId>) -> Vec<AtWork> {
        let instances = self.instances.iter().filter(|(id, _)| leaving != Some(id));
        let at_work = instances.filter_map(|(_, Running { instance, prepared })| {
            let pid = self.registry.get(&instance.plan.backend)?.at_work(instance)?;
            Some(AtWork { pid, reserved: prepared.estimate.clone() })
        });
        at_work.collect()
    }

    pub(super) fn start(&mut self, id: InstanceId, prepared: Prepared) -> Option<Input> {
        let backend = match self.backend_of(&prepared.plan) {
            Ok(backend) => backend,
            Err(error) => {
                return Some(Input::Started { instance: id, outcome: Err(error) });
            }
        };
        let (call_off, called_off) = oneshot::channel();
        self.starts.insert(id.clone(), call_off);
        let weigher = Arc::clone(&self.weigher);
        self.later(async move {
            let start = async {
                let mut instance = backend.start(id.clone(), Arc::clone(&prepared.plan)).await?;
                instance.measured = weigher.after(&instance, &prepared).await;
                Ok(Running { instance, prepared })
            };
            tokio::select! {
                outcome = start => Message::Started { instance: id, outcome },
                // The start's future is dropped, and its process ends with it. Its memory is nobody's until it has.
                Ok(()) = called_off => {
                    backend.settled().await;
                    Message::StopDone { instance: id.clone(), outcome: Ok(()) }
                }
            }
        });
        None
    }

    /// Keeps the instance and watches for its death, before anyone hears that it runs.
    pub(super) fn started(
        &mut self,
        id: InstanceId,
        outcome: Result<Running, BackendError>,
    ) -> Option<Input> {
        let called_off = self.starts.remove(&id).is_none();
        let outcome = outcome.map(|running| self.keep(running));
        if !called_off {
            return Some(Input::Started { instance: id, outcome });
        }
        // It was ready in the very moment in which it was called off.
        match outcome {
            Ok(_) => self.stop(id, false),
            Err(_) => {
                return Some(Input::StopDone { instance: id, outcome: Ok(()) });
            }
        }
        None
    }

    fn keep(&mut self, running: Running) -> Facts {
        let instance = &running.instance;
        if instance.restored.conversations > 0 {
            let event = Event::Restored { instance: instance.id.clone(), kept: instance.restored };
            self.tell(event);
        }
        let facts = Facts {
            pid: instance.pid,
            endpoint: instance.endpoint.to_string(),
            measured: instance.measured.clone(),
            slots: instance.slots,
        };
        let (exit, id) = (instance.exit.clone(), instance.id.clone());
        self.later(async move { Message::Exited { instance: id, failure: exit.wait().await } });
        self.instances.insert(instance.id.clone(), running);
        facts
    }

    pub(super) fn grant(&mut self, ticket: Ticket, id: InstanceId, keep: bool) -> Option<Input> {
        let lease = self
            .instances
            .get(&id)
            .map(|running| Lease::new(running.instance.clone(), keep, self.messages.clone()));
        let reply = self.leases.remove(&ticket);
        // Who asked may have gone meanwhile: the lease that comes back unused is dropped, and returns itself.
        match (lease, reply) {
            (Some(lease), Some(reply)) => drop(reply.send(Ok(lease))),
            (Some(lease), None) => drop(lease),
            (None, _) => return Some(Input::LeaseReturned { instance: id, keep }),
        }
        None
    }

    pub(super) fn stop(&mut self, id: InstanceId, save: bool) {
        if let Some(call_off) = self.starts.remove(&id) {
            // When this fails, the start is done and its message is on the way: `started` sees to it.
            let _ = call_off.send(());
            return;
        }
        let Some(Running { instance, prepared }) = self.instances.get(&id).cloned() else {
            self.later(async move { Message::StopDone { instance: id, outcome: Ok(()) } });
            return;
        };
        let backend = self.backend_of(&instance.plan);
        let patience = self.policy.patience;
        let (weigher, messages) = (Arc::clone(&self.weigher), self.messages.clone());
        // All that this one has is on its way back, what it took for its work too.
        let others = self.at_work_beside(Some(&id));
        self.later(async move {
            // Weighed once more: some of what a server takes grows while it serves.
            let (_, leaving) =
                tokio::join!(weigher.after(&instance, &prepared), weigher.leaving(&instance, &others));
            if let Some((machine, process)) = leaving {
                send(&messages, Message::Leaving { instance: id.clone(), machine, process });
            }
            let outcome = match backend {
                Ok(backend) => {
                    if save {
                        keep_conversations(&*backend, &instance, &messages).await;
                    }
                    backend.stop(&instance, patience).await
                }
                Err(error) => Err(error),
            };
            Message::StopDone { instance: id, outcome }
        });
    }
}

/// Writes the conversations down. When they cannot be kept they are read anew, so the stop goes on.
async fn keep_conversations(
    backend: &dyn Backend,
    instance: &Instance,
    messages: &mpsc::WeakUnboundedSender<Message>,
) {
    match backend.save(instance).await {
        Ok(kept) if kept.conversations > 0 => {
            let event = Event::Saved { instance: instance.id.clone(), kept };
            send(messages, Message::Happened { event });
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, instance = %instance.id, "its conversations were not kept"),
    }
}
