//! Flags of the command line for a model that a running `loadmaster serve` has.

use loadmaster_core::{ModelKind, Settings};
use loadmaster_orchestrator::Status;
use reqwest::Method;
use serde::Deserialize;

use super::{ask, escaped, read};
use crate::{Failed, config::Config, load_flags::LoadFlags};

/// A part of what `GET /api/v1/plan/{model}` answers.
#[derive(Debug, Default, Deserialize)]
struct Plan {
    plan: Settings,
}

/// What `flags` come to for `model`, whose kind the program knows that serves it; `None` if none was given.
pub(crate) async fn settings_of(
    model: &str,
    flags: &LoadFlags,
    config: &Config,
) -> Result<Option<Settings>, Failed> {
    if flags.is_empty() {
        return Ok(None);
    }
    let status: Status = read(&ask(config, Method::GET, "/api/v1/instances").await?)?;
    let Some(found) = status.models.into_iter().find(|status| status.id == model) else {
        // Whoever is asked for a model that there is not says so, whatever settings it is asked with.
        return Ok(Some(flags.settings(ModelKind::Text, &Settings::new())));
    };
    flags.check([(model, found.kind)])?;
    let now = if flags.have_parts(found.kind) { now(model, config).await } else { Settings::new() };
    Ok(Some(flags.settings(found.kind, &now)))
}

/// The settings of the model's plan; none where it cannot be planned, because a file is missing that the flags bring.
async fn now(model: &str, config: &Config) -> Settings {
    let plan = ask(config, Method::GET, &format!("/api/v1/plan/{}", escaped(model))).await;
    plan.and_then(|plan| read::<Plan>(&plan)).unwrap_or_default().plan
}
