//! One HTTP client for each instance, so that connections are reused.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use loadmaster_core::{Instance, InstanceId};
use loadmaster_upstream::{Upstream, UpstreamError};

/// The clients, by instance. Locked for an instant at a time, never across an await.
#[derive(Debug, Default)]
pub(crate) struct Upstreams(Mutex<HashMap<InstanceId, (Upstream, Instance)>>);

impl Upstreams {
    /// The client for `instance`.
    pub(crate) fn of(&self, instance: &Instance) -> Result<Upstream, UpstreamError> {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((upstream, _)) = clients.get(&instance.id) {
            return Ok(upstream.clone());
        }
        // A new instance comes after an old one's end: the time to forget the dead.
        clients.retain(|_, (_, instance)| instance.exit.now().is_none());
        let upstream = Upstream::new(&instance.endpoint)?;
        clients.insert(instance.id.clone(), (upstream.clone(), instance.clone()));
        Ok(upstream)
    }
}
