//! `GET /metrics`: figures for Prometheus, in its text format 0.0.4.

use std::{
    collections::BTreeMap,
    fmt::{Display, Write},
    sync::{Arc, atomic::Ordering::Relaxed},
};

use axum::{extract::State, http::header, response::IntoResponse};
use loadmaster_orchestrator::{InstanceStatus, ModelStatus, Status};

use crate::{ApiError, Gateway, counts::Counts, models};

/// All states that a model can be in, so that each has a figure at any time.
const STATES: [&str; 7] = ["unloaded", "starting", "ready", "draining", "stopping", "stopped", "crashed"];

pub(crate) async fn metrics(State(gateway): State<Arc<Gateway>>) -> Result<impl IntoResponse, ApiError> {
    let status = gateway.orchestrator.status().await?;
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, page(&status, &gateway.journal.counts)))
}

fn page(status: &Status, counts: &Counts) -> String {
    let mut page = Page(String::new());
    page.of_models(status);
    page.of_memory(status);
    page.of_counts(counts);
    page.0
}

struct Page(String);

impl Page {
    fn of_models(&mut self, status: &Status) {
        let mut counts = STATES.map(|state| (state, 0)).into_iter().collect::<BTreeMap<_, u64>>();
        for model in &status.models {
            *counts.entry(models::state(model)).or_default() += 1;
        }
        self.begin("models", "gauge", "Models by their state.");
        for (state, count) in counts {
            self.line("models", &[("state", &state)], count);
        }
        let requests = |model: &ModelStatus| model.instance.as_ref().map_or(0, |instance| instance.leases);
        self.begin("requests_in_flight", "gauge", "Requests that hold a lease on a model.");
        for model in &status.models {
            self.line("requests_in_flight", &[("model", &model.id)], requests(model));
        }
        self.begin("requests_waiting", "gauge", "Requests that wait for a model.");
        for model in &status.models {
            self.line("requests_waiting", &[("model", &model.id)], model.waiting);
        }
    }

    fn of_memory(&mut self, status: &Status) {
        self.begin("reserved_bytes", "gauge", "Memory that is reserved of a device, margins included.");
        for (device, bytes) in &status.reserved {
            self.line("reserved_bytes", &[("device", device)], bytes);
        }
        let help = "Memory that did not come back of a device when servers ended.";
        self.begin("not_returned_bytes", "gauge", help);
        for (device, bytes) in &status.not_returned {
            self.line("not_returned_bytes", &[("device", device)], bytes);
        }
        self.begin("held_bytes", "gauge", "Memory that is held for another program, or waited for.");
        for hold in &status.holds {
            let state: &dyn Display = if hold.granted { &"granted" } else { &"waiting" };
            for (device, bytes) in &hold.devices {
                let labels = [("hold", &hold.id as &dyn Display), ("device", device), ("state", state)];
                self.line("held_bytes", &labels, bytes);
            }
        }
        let alive =
            |model: &'_ ModelStatus| model.instance.clone().filter(|instance| instance.state.is_alive());
        let alive: Vec<InstanceStatus> = status.models.iter().filter_map(alive).collect();
        for (name, help, actual) in [
            ("predicted_bytes", "Memory that an instance was expected to take.", false),
            ("measured_bytes", "Memory that an instance was measured to take.", true),
        ] {
            self.begin(name, "gauge", help);
            for instance in &alive {
                let estimate = if actual { instance.actual.as_ref() } else { Some(&instance.predicted) };
                for part in estimate.iter().flat_map(|estimate| &estimate.devices) {
                    let labels: [(&str, &dyn Display); 3] =
                        [("model", &instance.model), ("instance", &instance.id), ("device", &part.device)];
                    self.line(name, &labels, part.total());
                }
            }
        }
    }

    fn of_counts(&mut self, counts: &Counts) {
        self.begin("requests_refused_total", "counter", "Requests that got no lease, by the error's code.");
        for (code, count) in counts.refused() {
            self.line("requests_refused_total", &[("code", &code)], count);
        }
        for (name, help, counter) in [
            ("requests_granted_total", "Requests that got a lease.", &counts.granted),
            ("starts_total", "Servers that were started.", &counts.starts),
            ("swaps_total", "Times that models made room for another one.", &counts.swaps),
            ("crashes_total", "Servers that ended without being told, or did not start.", &counts.crashes),
        ] {
            self.begin(name, "counter", help);
            self.line(name, &[], counter.load(Relaxed));
        }
    }

    fn begin(&mut self, name: &str, kind: &str, help: &str) {
        // Writing into a string cannot fail, here and below.
        let _ = writeln!(self.0, "# HELP loadmaster_{name} {help}\n# TYPE loadmaster_{name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &dyn Display)], value: impl Display) {
        let label =
            |(name, value): &(&str, &dyn Display)| format!("{name}=\"{}\"", escaped(&value.to_string()));
        let labels = labels.iter().map(label).collect::<Vec<_>>().join(",");
        let braced = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
        let _ = writeln!(self.0, "loadmaster_{name}{braced} {value}");
    }
}

/// A label's value as the format wants it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut page = Page(String::new());
        page.line("models", &[("model", &"a\"b\\c\nd"), ("state", &"ready")], 1);
        assert_eq!(page.0, "loadmaster_models{model=\"a\\\"b\\\\c\\nd\",state=\"ready\"} 1\n");
    }
}
