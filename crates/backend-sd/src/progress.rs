//! How far a request is, by the lines of whoever works on it, and how much longer it will take: pure.

use std::time::Duration;

use loadmaster_images::{Progress, Stage, Timings};

use crate::{history::Rates, log::Mark};

/// What a request has to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Work {
    /// Whether the model is read for it.
    pub(crate) loads: bool,
    /// Steps of each image.
    pub(crate) steps: u32,
    /// Images.
    pub(crate) images: u32,
    /// Pixels of each, in millions.
    pub(crate) megapixels: f64,
}

/// Follows one request.
#[derive(Debug, Clone)]
pub(crate) struct Tracker {
    work: Work,
    rates: Rates,
    stage: Stage,
    /// Of the stage's bar.
    step: u32,
    steps: u32,
    /// Images whose steps are done, and images that are decoded.
    sampled: u32,
    decoded: u32,
    /// When the stage began, and the image that is sampled, since the request did.
    stage_since: Duration,
    image_since: Duration,
    timings: Timings,
    /// What was told last: it never falls.
    fraction: f64,
    /// Counts what happened.
    pub(crate) marks: u64,
}

/// Expected milliseconds of the four stages.
#[derive(Debug, Clone, Copy)]
struct Expected {
    load: f64,
    text: f64,
    step: f64,
    decode: f64,
}

impl Tracker {
    /// Nothing is done yet.
    pub(crate) fn new(work: Work, rates: Rates) -> Self {
        Self {
            work,
            rates,
            stage: if work.loads { Stage::Loading } else { Stage::Text },
            step: 0,
            steps: 0,
            sampled: 0,
            decoded: 0,
            stage_since: Duration::ZERO,
            image_since: Duration::ZERO,
            timings: Timings::default(),
            fraction: 0.0,
            marks: 0,
        }
    }

    /// A line tells `mark`, so long after the request began.
    pub(crate) fn take(&mut self, mark: Mark, now: Duration) {
        self.marks += 1;
        match mark {
            Mark::Loads => self.enter(Stage::Loading, now),
            Mark::Loaded | Mark::Begins => self.enter(Stage::Text, now),
            Mark::Encoded => self.enter(Stage::Sampling, now),
            Mark::Samples { image, .. } => {
                self.enter(Stage::Sampling, now);
                (self.step, self.steps) = (0, self.work.steps);
                self.sampled = image.saturating_sub(1);
                self.image_since = now;
            }
            Mark::Bar { done, of } => (self.step, self.steps) = (done, of),
            Mark::Sampled => (self.step, self.sampled) = (0, self.sampled + 1),
            Mark::Decodes { .. } => self.enter(Stage::Decoding, now),
            Mark::Decoded { image } => (self.step, self.decoded) = (0, image),
            Mark::Done => self.enter(Stage::Decoding, now),
        }
    }

    fn enter(&mut self, stage: Stage, now: Duration) {
        if stage == self.stage {
            return;
        }
        let spent = millis(now.saturating_sub(self.stage_since));
        let timings = &mut self.timings;
        match self.stage {
            Stage::Queued => {}
            Stage::Loading => timings.load_ms += spent,
            Stage::Text => timings.text_ms += spent,
            Stage::Sampling => timings.sampling_ms += spent,
            Stage::Decoding => timings.decoding_ms += spent,
        }
        (self.stage, self.stage_since, self.step, self.steps) = (stage, now, 0, 0);
    }

    /// How long it took, at its end.
    pub(crate) fn finish(&mut self, now: Duration) -> Timings {
        let last = self.stage;
        self.enter(if last == Stage::Queued { Stage::Text } else { Stage::Queued }, now);
        self.timings.total_ms = millis(now);
        self.timings
    }

    /// How far it is.
    pub(crate) fn progress(&mut self, now: Duration) -> Progress {
        let expected = self.expected(now);
        let (total, left) = (self.total(&expected), self.left(&expected, now));
        let done = if total > 0.0 { 1.0 - left / total } else { 0.0 };
        self.fraction = self.fraction.max(done.clamp(0.0, 0.99));
        let measured = self.rates.step_ms.is_some() || (self.stage >= Stage::Sampling && self.step > 0);
        Progress {
            stage: self.stage,
            step: self.step,
            steps: self.steps,
            image: match self.stage {
                Stage::Decoding => self.decoded.min(self.work.images.saturating_sub(1)),
                _ => self.sampled.min(self.work.images.saturating_sub(1)),
            },
            images: self.work.images,
            fraction: self.fraction,
            eta_ms: measured.then(|| whole(left)),
        }
    }

    /// What this machine took before; what it takes now, where that is known; else a guess, for the bar alone.
    fn expected(&self, now: Duration) -> Expected {
        let pixels = self.work.megapixels.max(0.001);
        let before = self.rates.step_ms.map_or(2000.0 * pixels, |rate| rate * pixels);
        let step = if self.stage == Stage::Sampling && self.step > 0 {
            now.saturating_sub(self.image_since).as_secs_f64() * 1000.0 / f64::from(self.step)
        } else {
            before
        };
        Expected {
            load: if self.work.loads { self.rates.load_ms.unwrap_or(1000.0) } else { 0.0 },
            text: self.rates.text_ms.unwrap_or(300.0),
            step,
            decode: self.rates.decode_ms.map_or(4000.0 * pixels, |rate| rate * pixels),
        }
    }

    fn total(&self, expected: &Expected) -> f64 {
        let images = f64::from(self.work.images);
        expected.load
            + expected.text
            + images * (expected.step * f64::from(self.work.steps) + expected.decode)
    }

    /// What is left to do, in milliseconds.
    fn left(&self, expected: &Expected, now: Duration) -> f64 {
        let here = now.saturating_sub(self.stage_since).as_secs_f64() * 1000.0;
        let images = f64::from(self.work.images);
        let sampling = images * expected.step * f64::from(self.work.steps);
        let decoding = images * expected.decode;
        match self.stage {
            Stage::Queued => self.total(expected),
            Stage::Loading => (expected.load - here).max(0.0) + expected.text + sampling + decoding,
            Stage::Text => (expected.text - here).max(0.0) + sampling + decoding,
            Stage::Sampling => {
                let done = f64::from(self.sampled * self.work.steps) + f64::from(self.step);
                (sampling - done * expected.step).max(0.0) + decoding
            }
            Stage::Decoding => (decoding - here).max(0.0),
        }
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Whole milliseconds.
fn whole(millis: f64) -> u64 {
    Duration::try_from_secs_f64(millis.max(0.0) / 1000.0).map_or(u64::MAX, self::millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORK: Work = Work { loads: true, steps: 2, images: 2, megapixels: 1.0 };

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn stages_follow_the_lines_and_nothing_goes_back() {
        let rates = Rates { load_ms: Some(100.0), text_ms: Some(100.0), step_ms: Some(100.0), decode_ms: Some(200.0) };
        let mut tracker = Tracker::new(WORK, rates);
        let begin = tracker.progress(at(0));
        assert_eq!((begin.stage, begin.eta_ms, begin.images), (Stage::Loading, Some(1000), 2));
        let mut last = begin.fraction;
        for (ms, mark, stage, step) in [
            (50, Mark::Bar { done: 3, of: 9 }, Stage::Loading, 3),
            (100, Mark::Loaded, Stage::Text, 0),
            (200, Mark::Encoded, Stage::Sampling, 0),
            (200, Mark::Samples { image: 1, images: 2 }, Stage::Sampling, 0),
            (300, Mark::Bar { done: 1, of: 2 }, Stage::Sampling, 1),
            (400, Mark::Bar { done: 2, of: 2 }, Stage::Sampling, 2),
            (400, Mark::Sampled, Stage::Sampling, 0),
            (400, Mark::Samples { image: 2, images: 2 }, Stage::Sampling, 0),
            (600, Mark::Bar { done: 2, of: 2 }, Stage::Sampling, 2),
            (600, Mark::Sampled, Stage::Sampling, 0),
            (600, Mark::Decodes { images: 2 }, Stage::Decoding, 0),
            (800, Mark::Decoded { image: 1 }, Stage::Decoding, 0),
        ] {
            tracker.take(mark, at(ms));
            let progress = tracker.progress(at(ms));
            assert_eq!((progress.stage, progress.step), (stage, step), "{mark:?}");
            assert!(progress.fraction >= last, "{mark:?}");
            last = progress.fraction;
        }
        assert_eq!(tracker.progress(at(800)).eta_ms, Some(200));
        assert_eq!(tracker.progress(at(800)).image, 1);
        let timings = tracker.finish(at(1000));
        let expected =
            Timings { load_ms: 100, text_ms: 100, sampling_ms: 400, decoding_ms: 400, total_ms: 1000 };
        assert_eq!(timings, expected);
    }

    #[test]
    fn without_a_history_no_time_is_promised_before_the_first_step() {
        let mut tracker = Tracker::new(WORK, Rates::default());
        assert_eq!(tracker.progress(at(0)).eta_ms, None);
        tracker.take(Mark::Encoded, at(10));
        tracker.take(Mark::Samples { image: 1, images: 2 }, at(10));
        tracker.take(Mark::Bar { done: 1, of: 2 }, at(110));
        assert!(tracker.progress(at(110)).eta_ms.is_some());
    }
}
