//! How the rows of the terminal are divided.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{
    super::look::Look,
    text::{Line, put},
};

/// The height from which on sections have titles and devices a legend.
const TALL: u16 = 18;

/// How much there is to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) devices: usize,
    pub(crate) models: usize,
    pub(crate) work: usize,
    pub(crate) events: usize,
}

/// How many rows each section has, its title among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) tall: bool,
    pub(crate) memory: u16,
    pub(crate) models: u16,
    pub(crate) work: u16,
    pub(crate) events: u16,
    pub(crate) footer: bool,
}

impl Wanted {
    /// How many rows show all of it, with titles and without a footer.
    pub(crate) fn height(self) -> u16 {
        let of = |rows: usize| if rows == 0 { 0 } else { rows + 1 };
        let rows = 1 + of(self.devices * 2) + self.models + 2 + of(self.work) + of(self.events);
        u16::try_from(rows).unwrap_or(u16::MAX).max(TALL)
    }
}

impl Room {
    /// Divides `height` rows: memory first, then what is being done, the models, and the events with what is left.
    pub(crate) fn divide(height: u16, wanted: Wanted, with_footer: bool) -> Self {
        let tall = height >= TALL;
        let title = usize::from(tall);
        let footer = with_footer && height > 1;
        let mut left = usize::from(height.saturating_sub(1 + u16::from(footer)));
        let mut give = |rows: usize, most: usize| {
            let given = rows.min(most).min(left);
            left -= given;
            // No more than the height.
            u16::try_from(given).unwrap_or(0)
        };
        let all = usize::from(height);
        let most = |share: usize| if with_footer { share } else { usize::MAX };
        let memory = give(wanted.devices * (1 + title) + title, most((all / 2).saturating_sub(1)));
        let work = give(if wanted.work == 0 { 0 } else { wanted.work + title }, most(all / 5));
        let models = give(wanted.models.max(1) + 1 + title, most(if tall { all / 2 } else { all }));
        let events = give(if wanted.events == 0 { 0 } else { usize::MAX }, usize::MAX);
        Self { tall, memory, models, work, events, footer }
    }

    /// Draws the title of a section, if there is room for one; returns what is left of `area`.
    pub(crate) fn titled(self, title: &str, area: Rect, buffer: &mut Buffer, look: Look) -> Rect {
        if !self.tall || area.is_empty() {
            return area;
        }
        let mut line = Line::default();
        line.push(format!("{title} "), look.title());
        let width = usize::from(area.width).saturating_sub(line.width());
        line.push(look.rule().repeat(width), look.faint());
        put(&line, area, buffer, look);
        Rect { y: area.y + 1, height: area.height - 1, ..area }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rows_are_given_and_no_more() {
        for height in 0..60 {
            for devices in 0..9 {
                for models in [0, 1, 3, 200] {
                    for work in [0, 1, 20] {
                        let wanted = Wanted { devices, models, work, events: 100 };
                        let room = Room::divide(height, wanted, true);
                        let sum = room.memory + room.models + room.work + room.events;
                        let sum = sum + 1 + u16::from(room.footer);
                        assert_eq!(sum, height.max(1), "{wanted:?}: {room:?}");
                        assert!(height < 8 || room.models >= 2, "{wanted:?} in {height}: {room:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_text_has_room_for_all() {
        let wanted = Wanted { devices: 20, models: 50, work: 30, events: 70 };
        let room = Room::divide(wanted.height(), wanted, false);
        assert_eq!((room.memory, room.models, room.work, room.events), (41, 52, 31, 71));
    }
}
