//! A fake backend: it starts nothing, and tells what a model takes by its real header. The real one is not to be had
//! here, as it lies beside this crate; system tests ask it.

use std::{sync::Arc, time::Duration};

use loadmaster_core::{
    Backend, BackendError, DeviceEstimate, DeviceId, Estimate, EstimateSource, Health, Instance, InstanceId,
    LaunchPlan, LoadRequest, Machine, Model, async_trait,
};
use loadmaster_gguf::{Header, memory};
use serde_json::{Value, json};

/// The one setting, and what it is when nobody says it.
const CONTEXT: (&str, u64) = ("context_length", 512);

#[derive(Debug)]
pub(crate) struct Headers;

#[async_trait]
impl Backend for Headers {
    fn id(&self) -> &'static str {
        "headers"
    }

    fn supports(&self, _: &Model) -> bool {
        true
    }

    async fn plan(&self, request: &LoadRequest, machine: &Machine) -> Result<LaunchPlan, BackendError> {
        let path = request.model.path.clone();
        if !path.exists() {
            return Err(BackendError::ModelMissing { path });
        }
        let header = Header::open_model(&path);
        let whole =
            header.and_then(|header| if machine.hypothetical { Ok(()) } else { header.check_whole() });
        whole.map_err(|error| BackendError::ModelUnreadable {
            path,
            cause: error.cause(),
            remedy: "Take another file.".to_owned(),
        })?;
        let (name, usual) = CONTEXT;
        let asked = request.settings.get(name).cloned().unwrap_or(usual.into());
        let context = asked.as_u64().ok_or_else(|| BackendError::BadSetting {
            name: name.to_owned(),
            value: asked.to_string(),
            expected: "a number".to_owned(),
        })?;
        let mut plan = LaunchPlan::new(self.id(), request.model.clone());
        plan.settings.insert(name.to_owned(), context.into());
        Ok(plan)
    }

    async fn estimate_resources(&self, plan: &LaunchPlan) -> Result<Estimate, BackendError> {
        let header = Header::open_model(&plan.model.path).unwrap();
        let context_length = plan.settings[CONTEXT.0].as_u64().unwrap();
        let host = memory::predict(&header, &memory::Load { context_length, ..memory::Load::default() }).host;
        let part = DeviceEstimate {
            weights: host.weights,
            kv_cache: host.kv_cache,
            compute: host.compute,
            ..DeviceEstimate::on(DeviceId::host())
        };
        Ok(Estimate { source: EstimateSource::Computed, margin_percent: 2, devices: vec![part] })
    }

    async fn start(&self, _: InstanceId, plan: Arc<LaunchPlan>) -> Result<Instance, BackendError> {
        Err(BackendError::ModelMissing { path: plan.model.path.clone() })
    }

    async fn stop(&self, _: &Instance, _: Duration) -> Result<(), BackendError> {
        Ok(())
    }

    async fn health(&self, _: &Instance) -> Health {
        Health::Ready
    }
}

/// Bytes of cache in an answer.
pub(crate) fn cache(answer: &Value) -> u64 {
    answer["devices"][0]["kv_cache"].as_u64().unwrap_or_else(|| panic!("{}", json!(answer)))
}
