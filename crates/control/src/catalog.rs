//! `GET /api/v1/catalog`: models with short names.

use axum::Router;

use crate::ControlState;

pub(crate) fn routes() -> Router<ControlState> {
    Router::new()
}
