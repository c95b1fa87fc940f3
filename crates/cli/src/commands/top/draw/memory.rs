//! The memory of each device: a bar, and what its parts are.

use loadmaster_core::Bytes;
use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::{
    super::{
        bar,
        look::{Look, Part},
        seen::Device,
    },
    text::{Line, put},
};

/// Draws a bar for each device, and its legend where there is room.
pub(crate) fn draw(devices: &[&Device], with_legend: bool, area: Rect, buffer: &mut Buffer, look: Look) {
    let label = devices.iter().map(|device| device.id.len()).max().unwrap_or(0).min(8);
    let mut rows = area.rows();
    for device in devices {
        let Some(row) = rows.next() else { return };
        put(&line(device, label, row.width, look), row, buffer, look);
        if with_legend && let Some(row) = rows.next() {
            put(&legend(device, label, look), row, buffer, look);
        }
    }
}

/// The parts of a device's memory, those that are ours first.
fn parts(device: &Device) -> Vec<(Part, String, u64)> {
    let free = device.free.unwrap_or(0);
    // Of what is held, what was taken already is among what others take.
    let held = device.held.min(free);
    let ours = device.ours.iter().enumerate();
    let mut parts: Vec<_> =
        ours.map(|(number, ours)| (Part::Model(number), ours.model.clone(), ours.taken())).collect();
    parts.push((Part::Held, "held".to_owned(), held));
    parts.push((Part::NotReturned, "not returned".to_owned(), device.not_returned));
    parts.push((Part::Other, "other".to_owned(), device.other.unwrap_or(0)));
    parts.push((Part::Free, "free".to_owned(), free - held));
    parts
}

fn line(device: &Device, label: usize, width: u16, look: Look) -> Line {
    let mut line = Line::default();
    line.push(format!("{:<label$.label$} ", device.id), look.title());
    let total = Bytes(device.total);
    let mut figures = match device.free {
        Some(free) => format!(" {} free of {total}", Bytes(free)),
        None => format!(" {total}"),
    };
    if let Some(budget) = device.budget {
        figures = format!("{figures}, budget {}", Bytes(budget));
    }
    let room = |taken: usize| usize::from(width).saturating_sub(label + 1 + taken);
    if room(figures.len()) < 10 {
        figures = device.free.map(|free| format!(" {}", Bytes(free))).unwrap_or_default();
    }
    let bar = u16::try_from(room(figures.len())).unwrap_or(0);
    for (symbol, style) in cells(device, bar, look) {
        line.push(symbol, style);
    }
    line.plain(figures);
    line
}

/// The cells of the bar. Ours come first, so that they reach the mark of the budget when it is spent.
fn cells(device: &Device, width: u16, look: Look) -> Vec<(&'static str, Style)> {
    let parts = parts(device);
    let sizes: Vec<u64> = parts.iter().map(|(_, _, bytes)| *bytes).collect();
    let counts = bar::cells(&sizes, device.total, width);
    let mut cells: Vec<_> = parts
        .iter()
        .zip(counts)
        .flat_map(|((part, ..), count)| {
            std::iter::repeat_n((look.cell(*part), look.part(*part)), count.into())
        })
        .collect();
    cells.resize(width.into(), (" ", Style::new()));
    if let Some(budget) = device.budget.filter(|budget| *budget < device.total)
        && let Some(cell) = cells.get_mut(usize::from(bar::filled(budget, device.total, width)))
    {
        *cell = (look.budget(), look.title());
    }
    cells
}

/// What the cells stand for, and how much it is.
fn legend(device: &Device, label: usize, look: Look) -> Line {
    let mut line = Line::default();
    line.fill(label + 1);
    for (part, name, bytes) in parts(device) {
        if bytes == 0 && (part != Part::Free || device.free.is_none()) {
            continue;
        }
        line.push(look.cell(part), look.part(part));
        line.plain(format!(" {name} {}  ", Bytes(bytes)));
    }
    line
}
