//! `/api/v1/settings`: how this program is set up, where each setting comes from, and what can change while it runs.

mod topic;

use std::collections::BTreeMap;

use axum::{
    Json, Router,
    extract::{State, rejection::BytesRejection},
    http::StatusCode,
    routing::get,
};
use bytes::Bytes;
use loadmaster_gateway::json_body;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

pub(crate) use self::topic::SettingsTopic;
use crate::{ApiError, ControlState};

/// Where a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum From {
    /// Nobody said anything.
    Default,
    /// The configuration file.
    File,
    /// The command line, or the environment.
    Command,
    /// It was changed over this API; that holds until the configuration is read again.
    Changed,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Setting {
    /// Its name in the configuration file: `drain`, `network.ca_file`, ...
    pub name: String,
    /// Its value; null where it is not set.
    #[schema(value_type = Object)]
    pub value: Value,
    /// Where that comes from.
    pub from: From,
    /// Whether `PUT /api/v1/settings` changes it.
    pub can_change: bool,
    /// What it means.
    pub help: String,
}

/// All settings.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Settings {
    settings: Vec<Setting>,
}

impl Settings {
    pub(crate) fn of(state: &ControlState) -> Self {
        Self { settings: state.program.settings() }
    }
}

/// What a body looks like.
const SHAPE: &str = r#"{"drain": 30, "turn": 10}"#;

pub(crate) fn routes() -> Router<ControlState> {
    Router::new().route("/api/v1/settings", get(read).put(change))
}

/// How this program is set up, and where each setting comes from.
#[utoipa::path(get, path = "/api/v1/settings", tag = "settings", responses((status = 200, body = Settings)))]
pub(crate) async fn read(State(state): State<ControlState>) -> Json<Settings> {
    Json(Settings::of(&state))
}

/// Changes those that the body names, all or none. They hold until the configuration is read again.
#[utoipa::path(
    put, path = "/api/v1/settings", tag = "settings",
    request_body(content = Object, description = "New values by name"),
    responses(
        (status = 200, body = Settings),
        (status = 400, description = "A value cannot be", body = crate::openapi::Error),
        (status = 409, description = "It holds only after a restart", body = crate::openapi::Error),
    ),
)]
pub(crate) async fn change(
    State(state): State<ControlState>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Settings>, ApiError> {
    let changes: BTreeMap<String, Value> = json_body::read(body, SHAPE)?;
    let known = state.program.settings();
    for name in changes.keys() {
        let Some(setting) = known.iter().find(|setting| setting.name == *name) else {
            let message = format!("There is no setting '{name}'");
            let names: Vec<_> =
                known.iter().filter(|known| known.can_change).map(|known| &known.name).collect();
            let remedy = "GET /api/v1/settings lists them.";
            return Err(
                ApiError::new(StatusCode::NOT_FOUND, "unknown_setting", message, remedy).with("known", names)
            );
        };
        if !setting.can_change {
            let message = format!("'{name}' cannot be changed while Loadmaster runs");
            let remedy =
                "Change it in the configuration file or on the command line, and start Loadmaster again.";
            return Err(ApiError::new(StatusCode::CONFLICT, "needs_restart", message, remedy));
        }
    }
    state.program.change(changes).await?;
    state.settings_changed();
    Ok(Json(Settings::of(&state)))
}
