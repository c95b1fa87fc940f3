//! The table of the models and what runs of them.

use loadmaster_core::{InstanceState, Settings};
use loadmaster_orchestrator::ModelStatus;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Modifier, Style},
};

use super::{
    View, header,
    text::{Line, put},
};
use crate::commands::ps;

/// The width from which on there is room for the memory and the idle time.
const MEDIUM: u16 = 60;
/// The width from which on there is room for notes.
const WIDE: u16 = 76;

/// What is shown of a model.
struct Row {
    name: String,
    state: &'static str,
    running: String,
    waiting: String,
    idle: String,
    memory: String,
    note: String,
    is_bad: bool,
}

/// Draws the table; the chosen model is always in it.
pub(crate) fn draw(view: View<'_>, area: Rect, buffer: &mut Buffer) {
    let rows: Vec<Row> = view.state.models.iter().map(|model| row(view, model)).collect();
    let longest = |of: fn(&Row) -> &str| rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0);
    let name = longest(|row| &row.name).clamp(5, (usize::from(area.width) / 3).max(10));
    let memory = longest(|row| &row.memory).clamp(6, 24);
    let lined_up = |row: &Row| {
        let mut text = format!(
            "{} {:<8} {:>3} {:>4}",
            cut(&row.name, name, view.look.cut()),
            row.state,
            row.running,
            row.waiting
        );
        if area.width >= MEDIUM {
            text = format!("{text} {:>9}  {}", row.idle, cut(&row.memory, memory, view.look.cut()));
        }
        text
    };
    let mut places = area.rows();
    let Some(head) = places.next() else { return };
    let mut titles = Line::default();
    let heading = Row {
        name: "MODEL".to_owned(),
        state: "STATE",
        running: "RUN".to_owned(),
        waiting: "WAIT".to_owned(),
        idle: "IDLE".to_owned(),
        memory: "MEMORY".to_owned(),
        note: String::new(),
        is_bad: false,
    };
    titles.push(format!("  {}", lined_up(&heading)), view.look.faint());
    put(&titles, head, buffer, view.look);
    if rows.is_empty() {
        let Some(place) = places.next() else { return };
        let mut line = Line::default();
        line.plain("  no models yet: `loadmaster pull` brings one");
        return put(&line, place, buffer, view.look);
    }
    let chosen = view.ui.map(|ui| ui.place(&view.state.models));
    let room = usize::from(area.height).saturating_sub(1);
    let first = (chosen.unwrap_or(0) + 1).saturating_sub(room);
    for ((number, row), place) in rows.iter().enumerate().skip(first).zip(places) {
        let is_chosen = chosen == Some(number);
        let mut line = Line::default();
        line.plain(format!("{} ", if is_chosen { view.look.chosen() } else { " " }));
        line.push(lined_up(row), view.look.state(row.state));
        if area.width >= WIDE {
            let style = if row.is_bad { view.look.bad() } else { view.look.faint() };
            line.push(format!("  {}", row.note), style);
        }
        put(&line, place, buffer, view.look);
        if is_chosen {
            buffer.set_style(place, Style::new().add_modifier(Modifier::BOLD));
        }
    }
}

fn row(view: View<'_>, model: &ModelStatus) -> Row {
    let instance = model.instance.as_ref();
    let alive = instance.filter(|instance| instance.state.is_alive());
    let idle = instance.and_then(|instance| view.state.idle.of(&instance.id.to_string(), view.state.now_ms));
    let failure = instance.and_then(|instance| match &instance.state {
        InstanceState::Crashed { failure } => Some(failure.to_string()),
        _ => None,
    });
    let is_bad = failure.is_some();
    let waits = model.waits_for.as_ref().map(|cause| format!("waits {}", ps::reason(cause)));
    let settings = || alive.map(|instance| settings(&instance.plan.settings));
    let note = waits.or(failure).or_else(settings).unwrap_or_default();
    let absent = || "-".to_owned();
    Row {
        name: plain(&model.id),
        state: instance.map_or("unloaded", |instance| instance.state.name()),
        running: alive.map_or_else(absent, |instance| instance.leases.to_string()),
        waiting: model.waiting.to_string(),
        idle: idle.map_or_else(absent, |(seconds, longer)| {
            format!("{}{}", if longer { ">" } else { "" }, header::span(seconds * 1000))
        }),
        memory: alive.map_or_else(absent, |instance| ps::memory(instance.taken())),
        note: plain(&note),
        is_bad,
    }
}

/// The settings that tell most, of whichever backend.
fn settings(settings: &Settings) -> String {
    let part = |(name, unit): (&str, &str)| {
        let value = settings.get(name).filter(|value| !value.is_null())?;
        Some(format!("{unit} {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
    };
    let parts = [
        ("context_length", "context"),
        ("parallel", "parallel"),
        ("gpu_layers", "gpu layers"),
        ("mode", "mode"),
        ("pixels", "pixels"),
    ];
    parts.into_iter().filter_map(part).collect::<Vec<_>>().join(", ")
}

/// `text` in exactly `width` columns, as far as each character takes one.
fn cut(text: &str, width: usize, mark: &str) -> String {
    if text.chars().count() <= width {
        return format!("{text:<width$}");
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}{mark}")
}

/// A terminal obeys what it is sent.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
