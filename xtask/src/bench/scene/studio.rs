//! `loadmaster serve` with a language model and one that makes images, and memory for one of them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::bench::http::{self, Address};
use crate::bench::serve::Serve;
use crate::fixtures::Store;

/// The names of the models.
pub(crate) const CHAT: &str = "chat";
pub(crate) const PAINTER: &str = "painter";

/// The largest image, in pixels, that memory is reserved for: 128 x 128.
const PIXELS: u32 = 128 * 128;

/// What it is started from.
pub(crate) struct Parts {
    pub(crate) loadmaster: PathBuf,
    pub(crate) llama_server: PathBuf,
    pub(crate) smollm2: PathBuf,
    pub(crate) sd_cli: PathBuf,
    pub(crate) sd_server: PathBuf,
    /// The shapes of Stable Diffusion 1.5 with random weights.
    pub(crate) painter: PathBuf,
    /// How many conversations the language model keeps at once, and how long each may be, in tokens.
    pub(crate) slots: u32,
    pub(crate) context: u32,
    /// How images are made: `auto`, `resident` or `one-shot`.
    pub(crate) mode: String,
}

impl Parts {
    /// Brings the fixtures; `loadmaster` is the command.
    pub(crate) fn of(store: &Store, loadmaster: PathBuf) -> Result<Self> {
        let images = store.images()?;
        Ok(Self {
            loadmaster,
            llama_server: store.llama_server()?,
            smollm2: store.smollm2()?,
            painter: images.models.join("sd1.safetensors"),
            sd_cli: images.cli,
            sd_server: images.server,
            slots: 1,
            context: 2048,
            mode: "auto".to_owned(),
        })
    }

    /// The configuration that a home has for it.
    pub(crate) fn configuration(&self) -> String {
        let Self { llama_server, smollm2, painter, sd_cli, sd_server, slots, context, mode, .. } = self;
        let context = slots * context;
        format!(
            "[models.{CHAT}]\nfile = '{}'\nsettings = {{ context_length = {context}, parallel = {slots} }}\n\
             [models.{PAINTER}]\nfile = '{}'\nsettings = {{ mode = '{mode}', pixels = {PIXELS} }}\n\
             [backends.llama]\nserver = '{}'\n[backends.sd]\nserver = '{}'\ncli = '{}'\n",
            smollm2.display(),
            painter.display(),
            llama_server.display(),
            sd_server.display(),
            sd_cli.display(),
        )
    }
}

/// A running daemon.
pub(crate) struct Studio {
    address: Address,
    /// What may be taken of the host, in bytes; `None` is all of it.
    pub(crate) budget: Option<u64>,
    serve: Serve,
}

/// What a model would have reserved of the host, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs {
    pub(crate) chat: u64,
    pub(crate) painter: u64,
}

impl Studio {
    /// Starts it with a budget that holds either model and not both.
    pub(crate) fn for_one_of_two(parts: &Parts) -> Result<(Self, Needs)> {
        let needs = {
            let free = Self::start(parts, None)?;
            Needs { chat: free.needs(CHAT)?, painter: free.needs(PAINTER)? }
        };
        let larger = needs.chat.max(needs.painter);
        let budget = larger + needs.chat.min(needs.painter) / 2;
        Ok((Self::start(parts, Some(budget))?, needs))
    }

    /// Starts it.
    pub(crate) fn start(parts: &Parts, budget: Option<u64>) -> Result<Self> {
        let serve = Serve::start(&parts.loadmaster, |serve, home| {
            write(&home.join("config.toml"), &parts.configuration())?;
            if let Some(bytes) = budget {
                serve.arg("--budget").arg(format!("host={bytes} B"));
            }
            Ok(())
        })?;
        Ok(Self { address: Address::Tcp(serve.address), budget, serve })
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// The daemon's process.
    pub(crate) fn pid(&self) -> u32 {
        self.serve.server.id()
    }

    fn needs(&self, model: &str) -> Result<u64> {
        let plan = http::get_json(&self.address, &format!("/api/v1/plan/{model}"))
            .with_context(|| format!("asking what '{model}' needs"))?;
        let total = plan["devices"][0]["total"].as_u64().with_context(|| format!("no total in {plan}"))?;
        Ok(total + total / 100 * plan["margin_percent"].as_u64().unwrap_or(0))
    }

    /// Whether the model is loaded and answers.
    pub(crate) fn is_ready(&self, model: &str) -> Result<bool> {
        let status =
            http::get_json(&self.address, "/api/v1/instances").context("asking for the instances")?;
        Ok(is_ready(&status, model))
    }
}

fn is_ready(status: &Value, model: &str) -> bool {
    let models = status["models"].as_array().into_iter().flatten();
    models.into_iter().any(|one| one["id"] == model && one["instance"]["state"] == "ready")
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_status_tells_who_is_ready() {
        let status = json!({ "models": [
            { "id": CHAT, "instance": { "state": "ready" } },
            { "id": PAINTER, "instance": null },
        ]});
        assert!(is_ready(&status, CHAT) && !is_ready(&status, PAINTER));
    }
}
