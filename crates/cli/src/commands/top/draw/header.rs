//! The line about the program and the machine.

use super::{
    super::{look::Look, seen::Memory, state::State},
    text::Line,
};

/// Version, uptime, processor; and how it stands with requests.
pub(crate) fn line(state: &State, memory: Option<&Memory>, look: Look) -> Line {
    let mut line = Line::default();
    line.push(format!("Loadmaster {}", state.program.version), look.title());
    if let Some(cpu) = memory.and_then(|memory| memory.cpu_percent) {
        line.plain(format!("  cpu {cpu:.0} %"));
    }
    let running: usize = state.models.iter().filter_map(|model| Some(model.instance.as_ref()?.leases)).sum();
    let waiting: usize = state.models.iter().map(|model| model.waiting).sum();
    line.plain(format!("  {running} running"));
    line.push(
        format!("  {waiting} waiting"),
        if waiting > 0 { look.state("starting") } else { look.faint() },
    );
    line.push(
        format!("  up {}", span(state.now_ms.saturating_sub(state.program.started_at_ms))),
        look.faint(),
    );
    line.push(format!("  {}", state.program.os), look.faint());
    line
}

/// A span of time in its two largest units.
pub(crate) fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    match (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, s) => format!("{s} s"),
        (0, 0, m, s) => format!("{m}:{s:02} min"),
        (0, h, m, _) => format!("{h}:{m:02} h"),
        (d, h, _, _) => format!("{d} d {h} h"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn spans_are_short() {
        let spans = [999, 59_000, 61_000, 3_660_000, 90_000_000].map(super::span);
        assert_eq!(spans, ["0 s", "59 s", "1:01 min", "1:01 h", "1 d 1 h"]);
    }
}
