//! What is known as a picture. Nothing here knows of a terminal.

mod footer;
mod header;
mod memory;
mod models;
mod room;
mod text;
mod work;

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
};

use self::{
    room::{Room, Wanted},
    text::{Line, put},
};
use super::{
    look::Look,
    seen::{Device, Memory},
    state::State,
    ui::{Mode, Ui},
};
use crate::commands::events::{clock, words::Said};

/// What is to be shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) state: &'a State,
    /// What the user chose and does; none where nobody can do anything.
    pub(crate) ui: Option<&'a Ui>,
    pub(crate) look: Look,
}

/// Draws it into `area`, however small that is.
pub(crate) fn draw(view: View<'_>, area: Rect, buffer: &mut Buffer) {
    if view.ui.is_some_and(|ui| ui.mode == Mode::Help) {
        footer::help(area, buffer, view.look);
        return;
    }
    let memory = view.state.memory();
    let work = work::lines(view.state, view.look, area.width);
    let wanted = wanted(view.state, memory.as_ref(), work.len());
    let room = Room::divide(area.height, wanted, view.ui.is_some());
    let rows = [1, room.memory, room.models, room.work, room.events, u16::from(room.footer)];
    let [head, devices, models, works, events, foot] =
        Layout::vertical(rows.map(Constraint::Length)).areas(area);
    put(&header::line(view.state, memory.as_ref(), view.look), head, buffer, view.look);
    let devices = room.titled("Memory", devices, buffer, view.look);
    memory::draw(&matter(memory.as_ref()), room.tall, devices, buffer, view.look);
    models::draw(view, room.titled("Models", models, buffer, view.look), buffer);
    let works = room.titled("Work", works, buffer, view.look);
    for (line, row) in work.iter().zip(works.rows()) {
        put(line, row, buffer, view.look);
    }
    self::events(view, room.titled("Events", events, buffer, view.look), buffer);
    if let Some(ui) = view.ui {
        put(&footer::line(view.state, ui, foot.width, view.look), foot, buffer, view.look);
    }
}

/// What is known as text of this width, in as many lines as it takes.
pub(crate) fn text(state: &State, look: Look, width: u16) -> String {
    let work = work::lines(state, look, width).len();
    let height = wanted(state, state.memory().as_ref(), work).height();
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    draw(View { state, ui: None, look }, area, &mut buffer);
    as_text(&buffer)
}

/// The lines of a picture, without what is empty at their ends.
pub(crate) fn as_text(buffer: &Buffer) -> String {
    let row = |row: Rect| {
        let cells = row.columns().filter_map(|cell| buffer.cell(cell.as_position()));
        let text: String = cells.map(ratatui::buffer::Cell::symbol).collect();
        format!("{}\n", text.trim_end())
    };
    buffer.area.rows().map(row).collect()
}

fn wanted(state: &State, memory: Option<&Memory>, work: usize) -> Wanted {
    Wanted { devices: matter(memory).len(), models: state.models.len(), work, events: state.events.len() }
}

fn matter(memory: Option<&Memory>) -> Vec<&Device> {
    memory.into_iter().flat_map(|memory| &memory.devices).filter(|device| device.matters()).collect()
}

/// The last events, the latest at the bottom.
fn events(view: View<'_>, area: Rect, buffer: &mut Buffer) {
    let all = &view.state.events;
    let shown = all.iter().skip(all.len().saturating_sub(area.height.into()));
    for (event, row) in shown.zip(area.rows()) {
        put(&event_line(event, area.width, view.look), row, buffer, view.look);
    }
}

fn event_line(said: &Said, width: u16, look: Look) -> Line {
    let mut line = Line::default();
    if width >= 60
        && let Some(at_ms) = said.at_ms
    {
        line.push(format!("{}  ", clock::of_day(at_ms)), look.faint());
    }
    let style = match said.what.as_str() {
        "crashed" | "refused" | "not reloaded" | "over budget" | "hold refused" | "not returned" => {
            look.bad()
        }
        "ready" => look.good(),
        _ => ratatui::style::Style::new(),
    };
    line.push(format!("{:<11} ", said.what), style);
    line.push(said.whom.clone(), look.title());
    line.plain(format!("  {}", said.why));
    line
}

#[cfg(test)]
mod tests {
    use ratatui::{Terminal, backend::TestBackend, crossterm::event::KeyCode, style::Color};

    use super::{
        super::examples::{NOW_MS, state},
        *,
    };
    use crate::daemon::Heard;

    const ASCII: Look = Look { colour: false, unicode: false };

    fn buffer(state: &State, ui: &Ui, look: Look, [width, height]: [u16; 2]) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let view = View { state, ui: Some(ui), look };
        terminal.draw(|frame| draw(view, frame.area(), frame.buffer_mut())).unwrap();
        terminal.backend().buffer().clone()
    }

    fn shown(state: &State, ui: &Ui, size: [u16; 2]) -> String {
        as_text(&buffer(state, ui, ASCII, size))
    }

    #[test]
    fn a_usual_terminal_shows_everything() {
        let text = shown(&state(), &Ui::default(), [80, 24]);
        let has = |part: &str| assert!(text.contains(part), "{part} is missing:\n{text}");
        has("Loadmaster 1.2.3  cpu 37 %  1 running  2 waiting  up 1:01 h  linux");
        has("400.0 MiB free of 1000.0 MiB, budget 500.0 MiB");
        has("# chat 300.0 MiB  h held 100.0 MiB  ! not returned 100.0 MiB  + other 200");
        has("> chat     ready      1    2         -  host 300.0 MiB  context 2048, parallel 4");
        has("  crasher  crashed    -    0");
        has("  unloaded unloaded   -    0");
        has("25 % sampling 5/20, 1:05 min left");
        has("50 % 512.0 MiB of 1.00 GiB, 10.0");
        has("refused     huge  too large");
        has("q leave");
        assert!(text.is_ascii(), "{text}");
        let bar = text.lines().find(|line| line.starts_with("host")).unwrap();
        let mark = bar.find('|').unwrap();
        assert!(
            bar.find('#') < Some(mark) && bar.rfind('#') < Some(mark),
            "ours is within the budget: {bar}"
        );
    }

    #[test]
    fn a_small_terminal_shows_what_matters_most() {
        let text = shown(&state(), &Ui::default(), [40, 10]);
        for part in ["Loadmaster 1.2.3", "host ", "400.0 MiB", "> chat", "ready", "painter", "q leave"] {
            assert!(text.contains(part), "{part} is missing:\n{text}");
        }
    }

    #[test]
    fn no_size_is_too_small() {
        let (state, empty) = (state(), State::default());
        for width in [1, 2, 7, 20, 59, 61, 200] {
            for height in [1, 2, 3, 5, 17, 18, 60] {
                shown(&state, &Ui::default(), [width, height]);
                shown(&empty, &Ui::default(), [width, height]);
            }
        }
    }

    #[test]
    fn colours_are_left_out_where_nobody_wants_them() {
        let colours = |colour| {
            let buffer = buffer(&state(), &Ui::default(), Look { colour, unicode: true }, [80, 24]);
            buffer.content.iter().filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset).count()
        };
        assert!(colours(true) > 50);
        assert_eq!(colours(false), 0);
    }

    #[test]
    fn the_last_line_says_what_matters_now() {
        let foot = |state: &State, ui: &Ui| shown(state, ui, [80, 24]).lines().last().unwrap().to_owned();
        let (asked, _) = Ui::default().key(KeyCode::Char('s').into(), &state().models);
        assert_eq!(foot(&state(), &asked), "Stop chat? y/n");
        assert_eq!(foot(&state(), &Ui::default().noticed("chat is stopped".to_owned())), "chat is stopped");
        let lost = state().take(Heard::Lost("Loadmaster ended".to_owned()), NOW_MS);
        assert_eq!(foot(&lost, &asked), "Loadmaster ended; waiting for it to come back");
        let (help, _) = Ui::default().key(KeyCode::Char('?').into(), &[]);
        assert!(shown(&lost, &help, [40, 10]).contains("start or stop it"));
    }

    #[test]
    fn what_is_printed_has_all_of_it() {
        let text = text(&state(), ASCII, 100);
        for part in ["Memory ---", "Models ---", "unloaded", "Work ---", "Events ---", "too large"] {
            assert!(text.contains(part), "{part} is missing:\n{text}");
        }
        assert!(!text.contains("q leave"), "there is nobody to press keys");
    }
}
