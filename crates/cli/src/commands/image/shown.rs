//! How far the images are: a bar on a terminal, nothing elsewhere.

use std::{
    io::IsTerminal,
    path::Path,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use loadmaster_images::{Completed, Progress, Stage, StreamEvent};

/// Parts of the bar: a fraction is shown to a tenth of a percent.
const PARTS: u64 = 1000;

/// Progress on stderr.
pub(super) struct Shown {
    bar: Option<ProgressBar>,
    begun: Instant,
}

impl Shown {
    /// Begins to show, if anybody sees it.
    pub(super) fn begin(model: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(PARTS).with_message(format!("loading {model}"));
            if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:24} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar, begun: Instant::now() }
    }

    /// Takes in what came.
    pub(super) fn show(&self, event: &StreamEvent) {
        let Some(bar) = &self.bar else { return };
        match event {
            StreamEvent::Progress(progress) => {
                bar.set_position(parts(progress.fraction));
                bar.set_message(told(progress));
            }
            StreamEvent::Comment(text) if !text.trim().is_empty() => bar.set_message(text.clone()),
            _ => {}
        }
    }

    /// Says that one is made: where it is on stdout, and how long it took on stderr.
    pub(super) fn say_made(&self, image: &Completed, path: Option<&Path>, as_json: bool) {
        if as_json {
            return;
        }
        let size = image.size.map_or_else(String::new, |size| format!("{size}, "));
        let took = self.begun.elapsed().as_secs_f64();
        let say = || {
            if let Some(path) = path {
                println!("{}", path.display());
            }
            eprintln!("{size}seed {}, after {took:.1} s", image.seed);
        };
        match &self.bar {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.end();
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a fraction of a thousand is kept within its bounds"
)]
fn parts(fraction: f64) -> u64 {
    (fraction.clamp(0.0, 1.0) * PARTS as f64) as u64
}

/// `sampling, step 3 of 20, image 1 of 2, 12 s left`
fn told(progress: &Progress) -> String {
    let stage = match progress.stage {
        Stage::Queued => "waiting for another image",
        Stage::Loading => "loading the model",
        Stage::Text => "reading the prompt",
        Stage::Sampling => "sampling",
        Stage::Decoding => "decoding",
    };
    let step = (progress.steps > 0).then(|| format!(", step {} of {}", progress.step, progress.steps));
    let image =
        (progress.images > 1).then(|| format!(", image {} of {}", progress.image + 1, progress.images));
    let left = progress.eta_ms.map(|left| match left.div_ceil(1000) {
        seconds @ 0..=119 => format!(", {seconds} s left"),
        seconds => format!(", {} min left", seconds.div_ceil(60)),
    });
    [Some(stage.to_owned()), step, image, left].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_stage_step_image_and_what_is_left() {
        let progress = Progress {
            stage: Stage::Sampling,
            step: 3,
            steps: 20,
            image: 0,
            images: 2,
            fraction: 0.1,
            eta_ms: Some(11_200),
        };
        assert_eq!(told(&progress), "sampling, step 3 of 20, image 1 of 2, 12 s left");
        let loading = Progress { stage: Stage::Loading, images: 1, ..Progress::default() };
        assert_eq!(told(&loading), "loading the model");
        let long = Progress { eta_ms: Some(130_000), ..loading };
        assert_eq!(told(&long), "loading the model, 3 min left");
    }

    #[test]
    fn the_bar_stays_within_its_bounds() {
        assert_eq!([parts(-1.0), parts(0.5), parts(7.0), parts(f64::NAN)], [0, 500, 1000, 0]);
    }
}
