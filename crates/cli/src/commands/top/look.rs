//! How things look: with colours or without, beyond ASCII or not.

use ratatui::style::{Color, Modifier, Style};

/// What the terminal can show, and should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) colour: bool,
    pub(crate) unicode: bool,
}

/// What a part of a device's memory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// What a model takes; models that are neighbours look different.
    Model(usize),
    Held,
    NotReturned,
    Other,
    Free,
}

/// How models look, one after the other.
const COLOURS: [Color; 5] = [Color::Cyan, Color::Green, Color::Magenta, Color::Blue, Color::LightGreen];

impl Look {
    /// What a bar's cell of this part shows.
    pub(crate) fn cell(self, part: Part) -> &'static str {
        match (part, self.unicode) {
            (Part::Model(number), true) => ["█", "▓", "▚"][if self.colour { 0 } else { number % 3 }],
            (Part::Model(number), false) => ["#", "=", "@"][number % 3],
            (Part::Held, true) => "▞",
            (Part::Held, false) => "h",
            (Part::NotReturned, _) => "!",
            (Part::Other, true) => "▒",
            (Part::Other, false) => "+",
            (Part::Free, true) => "·",
            (Part::Free, false) => ".",
        }
    }

    /// The mark of what may be taken of a device.
    pub(crate) fn budget(self) -> &'static str {
        if self.unicode { "│" } else { "|" }
    }

    /// The cells of what is done, and of what is to be done.
    pub(crate) fn progress(self) -> [&'static str; 2] {
        if self.unicode { ["━", "─"] } else { ["#", "-"] }
    }

    /// The line over a section.
    pub(crate) fn rule(self) -> &'static str {
        if self.unicode { "─" } else { "-" }
    }

    /// What stands for what is cut off.
    pub(crate) fn cut(self) -> &'static str {
        if self.unicode { "…" } else { "~" }
    }

    /// What stands before the instance that is chosen.
    pub(crate) fn chosen(self) -> &'static str {
        if self.unicode { "▸" } else { ">" }
    }

    pub(crate) fn part(self, part: Part) -> Style {
        self.coloured(match part {
            Part::Model(number) => COLOURS[number % COLOURS.len()],
            Part::Held => Color::Yellow,
            Part::NotReturned => Color::Red,
            Part::Other => Color::Gray,
            Part::Free => Color::DarkGray,
        })
    }

    /// How an instance's state looks.
    pub(crate) fn state(self, state: &str) -> Style {
        match state {
            "ready" => self.coloured(Color::Green),
            "starting" | "draining" | "stopping" => self.coloured(Color::Yellow),
            "crashed" => self.bad(),
            _ => self.faint(),
        }
    }

    pub(crate) fn bad(self) -> Style {
        self.coloured(Color::Red).add_modifier(Modifier::BOLD)
    }

    pub(crate) fn good(self) -> Style {
        self.coloured(Color::Green)
    }

    pub(crate) fn faint(self) -> Style {
        self.coloured(Color::DarkGray)
    }

    pub(crate) fn title(self) -> Style {
        self.coloured(Color::Reset).add_modifier(Modifier::BOLD)
    }

    fn coloured(self, colour: Color) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new() }
    }
}
