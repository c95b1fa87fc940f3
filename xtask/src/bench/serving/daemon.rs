//! `loadmaster serve`.

use anyhow::{Context, Result};
use serde_json::Value;

use super::{CONTEXT, MODELS, Programs, Serves};
use crate::bench::http::{self, Address};
use crate::bench::serve::Serve;

/// Holds one of the two models and not both; [`Daemon::start`] is followed by swaps, or this is wrong.
const BUDGET: &str = "host=400 MiB";

/// A running daemon.
pub(in crate::bench) struct Daemon {
    address: Address,
    _serve: Serve,
}

/// The server of a model that is ready.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::bench) struct Running {
    pub(in crate::bench) pid: u32,
    /// As the daemon writes it.
    pub(in crate::bench) endpoint: String,
}

impl Daemon {
    /// Starts it with both models and a budget for one.
    pub(in crate::bench) fn start(programs: &Programs) -> Result<Self> {
        let serve = Serve::start(&programs.loadmaster, |serve, _| {
            serve.args(["--budget", BUDGET, "--ctx", CONTEXT, "--parallel", programs.slots]);
            serve.arg("--llama-server").arg(&programs.llama_server);
            for name in MODELS {
                serve.arg("--model").arg(programs.model(name));
            }
            Ok(())
        })?;
        Ok(Self { address: Address::Tcp(serve.address), _serve: serve })
    }

    /// The server that is ready now.
    pub(in crate::bench) fn running(&self) -> Result<Option<Running>> {
        Ok(running(&self.status()?))
    }

    fn status(&self) -> Result<Value> {
        http::get_json(&self.address, "/api/v1/instances").context("asking loadmaster for its instances")
    }
}

impl Serves for Daemon {
    fn address(&self) -> Address {
        self.address.clone()
    }

    fn starts(&self) -> Result<u64> {
        starts(&self.status()?).context("the instances have no names such as `one#7`")
    }
}

fn instances(status: &Value) -> impl Iterator<Item = &Value> {
    let models = status["models"].as_array().into_iter().flatten();
    models.map(|model| &model["instance"]).filter(|instance| !instance.is_null())
}

fn running(status: &Value) -> Option<Running> {
    let ready = instances(status).find(|instance| instance["state"] == "ready")?;
    Some(Running {
        pid: u32::try_from(ready["pid"].as_u64()?).ok()?,
        endpoint: ready["endpoint"].as_str()?.to_owned(),
    })
}

/// The names of instances end with a number that counts up over all models.
fn starts(status: &Value) -> Option<u64> {
    let number = |instance: &Value| instance["id"].as_str()?.rsplit_once('#')?.1.parse().ok();
    let numbers: Option<Vec<u64>> = instances(status).map(number).collect();
    Some(numbers?.into_iter().max().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_status_tells_who_runs_and_how_many_were_started() {
        let status = json!({ "models": [
            { "id": "one", "instance": { "id": "one#7", "state": "ready", "pid": 42, "endpoint": "unix:/s" } },
            { "id": "two", "instance": { "id": "two#12", "state": "stopped", "pid": 41, "endpoint": "" } },
            { "id": "three", "instance": null },
        ]});
        assert_eq!(running(&status), Some(Running { pid: 42, endpoint: "unix:/s".to_owned() }));
        assert_eq!(starts(&status), Some(12));
        assert_eq!((running(&json!({})), starts(&json!({}))), (None, Some(0)));
    }
}
