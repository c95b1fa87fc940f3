//! `GET /api/v1/models/{name}/header`: what the file of a model says of itself.

use axum::Router;

use crate::ControlState;

pub(crate) fn routes() -> Router<ControlState> {
    Router::new()
}
