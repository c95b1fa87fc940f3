//! `/api/v1/binaries`: builds of servers.

use axum::Router;
use loadmaster_gateway::Topics;

use crate::ControlState;

pub(crate) fn routes() -> Router<ControlState> {
    Router::new()
}

pub(crate) fn topics(_state: &ControlState, _topics: &mut Topics) {}
