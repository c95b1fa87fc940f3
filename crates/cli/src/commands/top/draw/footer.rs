//! The last line: what was asked, what came of it, what keys do; and the page that says more of them.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{
    super::{
        look::Look,
        state::State,
        ui::{Deed, Mode, Ui},
    },
    text::{Line, put},
};

const HELP: [&str; 9] = [
    "up, down, j, k   choose a model",
    "Home, End, g, G  the first, the last",
    "s                start or stop it",
    "y, n             yes, no",
    "?                this page",
    "q, Esc, Ctrl-C   leave; Loadmaster runs on",
    "",
    "A bar shows ours, held, other, free.",
    "The mark in it is the budget.",
];

/// What matters most just now.
pub(crate) fn line(state: &State, ui: &Ui, width: u16, look: Look) -> Line {
    let mut line = Line::default();
    if let Some(why) = &state.lost {
        line.push(format!("{why}; waiting for it to come back"), look.bad());
        return line;
    }
    match (&ui.mode, &ui.notice) {
        (Mode::Ask(Deed::Start(model)), _) => line.push(format!("Start {model}? y/n"), look.title()),
        (Mode::Ask(Deed::Stop(model)), _) => line.push(format!("Stop {model}? y/n"), look.title()),
        (_, Some(notice)) => line.plain(notice.as_str()),
        _ if width < 50 => line.push("q leave  s start/stop  ? help", look.faint()),
        _ => line.push("q leave   j/k choose   s start or stop   ? help", look.faint()),
    }
    line
}

/// What keys do.
pub(crate) fn help(area: Rect, buffer: &mut Buffer, look: Look) {
    for (text, row) in HELP.iter().zip(area.rows()) {
        let mut line = Line::default();
        line.plain(*text);
        put(&line, row, buffer, look);
    }
}
