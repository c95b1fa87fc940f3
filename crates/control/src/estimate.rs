//! `POST /api/v1/estimate`: what a model would take.

use axum::Router;

use crate::ControlState;

pub(crate) fn routes() -> Router<ControlState> {
    Router::new()
}
