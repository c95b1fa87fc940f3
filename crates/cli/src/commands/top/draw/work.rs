//! What goes on beside requests: images, downloads, checks.

use loadmaster_core::Bytes;

use super::{
    super::{
        bar,
        look::Look,
        seen::{Download, Job},
        state::State,
    },
    header::span,
    text::Line,
};

/// The width from which on there is room for a bar.
const WIDE: u16 = 60;

/// One line for each job and each download.
pub(crate) fn lines(state: &State, look: Look, width: u16) -> Vec<Line> {
    let jobs = state.jobs().into_iter().map(|job| of_job(&job, look, width));
    let downloads = state.downloads().into_iter().map(|download| of_download(&download, look, width));
    jobs.chain(downloads).collect()
}

fn of_job(job: &Job, look: Look, width: u16) -> Line {
    let mut line = named(&job.model, "image", width, look);
    if job.state != "running" {
        let place = job.place.zip(job.places).map(|(place, of)| format!(", place {place} of {of}"));
        line.plain(format!("{}{}", job.state, place.unwrap_or_default()));
        return line;
    }
    let fraction = job.fraction.unwrap_or(0.0).clamp(0.0, 1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between 0 and 1000")]
    let thousandths = (fraction * 1000.0) as u64;
    line.join(progress(thousandths, 1000, look, width));
    line.plain(format!(" {}", job.stage.as_deref().unwrap_or_default()));
    if let (Some(step), Some(steps)) = (job.step, job.steps.filter(|steps| *steps > 0)) {
        line.plain(format!(" {step}/{steps}"));
    }
    line.plain(left(job.eta_ms));
    line
}

fn of_download(download: &Download, look: Look, width: u16) -> Line {
    let name = download.model.as_deref().unwrap_or(&download.source);
    let mut line = named(name, "download", width, look);
    if download.state == "failed" {
        let why = download.error.as_ref().and_then(|error| error["message"].as_str()).unwrap_or_default();
        line.push("failed", look.bad());
        line.plain(format!(": {}", why.replace(char::is_control, " ")));
        return line;
    }
    let Some(total) = download.total.filter(|total| *total > 0) else {
        line.plain(download.step.as_deref().unwrap_or(&download.state));
        return line;
    };
    line.join(progress(download.bytes, total, look, width));
    line.plain(format!(" {} of {}", Bytes(download.bytes), Bytes(total)));
    match (download.state.as_str(), download.bytes_per_second) {
        ("running", Some(speed)) => line.plain(format!(", {}/s", Bytes(speed))),
        ("running", None) => {}
        (state, _) => line.plain(format!(", {state}")),
    }
    line.plain(left(download.eta_ms));
    line
}

fn named(name: &str, kind: &str, width: u16, look: Look) -> Line {
    let mut line = Line::default();
    let name = name.replace(char::is_control, " ");
    let room = (usize::from(width) / 5).max(10);
    if width >= WIDE {
        line.push(format!("  {kind:<8} "), look.faint());
    }
    line.push(format!("{name:<room$.room$} "), look.title());
    line
}

fn progress(done: u64, total: u64, look: Look, width: u16) -> Line {
    let mut line = Line::default();
    if width >= WIDE {
        let bar = width / 8;
        let [full, empty] = look.progress();
        let filled = bar::filled(done, total, bar);
        line.push(full.repeat(filled.into()), look.good());
        line.push(empty.repeat((bar - filled).into()), look.faint());
    }
    line.plain(format!(" {:>3} %", bar::filled(done, total, 100)));
    line
}

fn left(eta_ms: Option<u64>) -> String {
    eta_ms.map(|ms| format!(", {} left", span(ms))).unwrap_or_default()
}
