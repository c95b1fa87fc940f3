//! Lines of text that are cut off where the picture ends.

use ratatui::{buffer::Buffer, layout::Rect, style::Style, text::Span};

use super::super::look::Look;

/// One line, in parts that look different.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line(Vec<(String, Style)>);

impl Line {
    pub(crate) fn push(&mut self, text: impl Into<String>, style: Style) {
        self.0.push((text.into(), style));
    }

    pub(crate) fn plain(&mut self, text: impl Into<String>) {
        self.push(text, Style::new());
    }

    /// How many columns it takes.
    pub(crate) fn width(&self) -> usize {
        self.0.iter().map(|(text, _)| Span::raw(text.as_str()).width()).sum()
    }

    /// Fills up to `width` columns.
    pub(crate) fn fill(&mut self, width: usize) {
        self.plain(" ".repeat(width.saturating_sub(self.width())));
    }

    /// Puts `other` behind it.
    pub(crate) fn join(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

/// Puts `line` into the first row of `area`; a mark says where it was cut off.
pub(crate) fn put(line: &Line, area: Rect, buffer: &mut Buffer, look: Look) {
    if area.is_empty() {
        return;
    }
    let mut column = area.x;
    for (text, style) in &line.0 {
        let left = usize::from(area.right().saturating_sub(column));
        (column, _) = buffer.set_stringn(column, area.y, text, left, *style);
    }
    if line.width() > usize::from(area.width) {
        buffer.set_stringn(area.right() - 1, area.y, look.cut(), 1, Style::new());
    }
}
