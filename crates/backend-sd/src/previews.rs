//! Which previews of a request are shown: a pure function of what `sd-cli` tells of its steps.
//!
//! It writes one file over again after each step, whatever `--preview-interval` says (which it keeps and never looks
//! at), and before it tells of the step. So once a step is told, the file is of that step or a later one, never of an
//! earlier one or of the image before.

use loadmaster_images::{ImageFormat, Partial};

use crate::log::Mark;

/// The previews of one request.
#[derive(Debug)]
pub(crate) struct Previews {
    /// How many of each image are wanted.
    most: u32,
    /// Steps between two of them: they are spread evenly, and the last one is before the end.
    every: u32,
    image: u32,
    /// How many of this image were shown.
    shown: u32,
    /// Whether bars tell of steps: before and after, they tell of files and tiles.
    samples: bool,
}

impl Previews {
    /// `most` of each image, which takes so many steps.
    pub(crate) fn new(most: u32, steps: u32) -> Self {
        let every = (steps / most.saturating_add(1)).max(1);
        Self { most, every, image: 0, shown: 0, samples: false }
    }

    /// Whether the file is to be shown now that `mark` was told.
    pub(crate) fn due(&mut self, mark: Mark) -> bool {
        match mark {
            Mark::Samples { image, .. } => {
                (self.image, self.shown, self.samples) = (image.saturating_sub(1), 0, true);
                false
            }
            Mark::Sampled => {
                self.samples = false;
                false
            }
            Mark::Bar { done, .. } => {
                self.samples
                    && self.shown < self.most
                    && done >= self.every.saturating_mul(self.shown.saturating_add(1))
            }
            _ => false,
        }
    }

    /// The preview in `bytes`, unless they are written over just now: it is due again with the next step then.
    pub(crate) fn show(&mut self, bytes: Vec<u8>) -> Option<Partial> {
        let format = ImageFormat::Png;
        if !format.is_whole(&bytes) {
            return None;
        }
        let index = self.shown;
        self.shown += 1;
        Some(Partial { bytes, format, index, image: self.image })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The steps at which previews of each of two images are due, where each of them can be shown.
    fn steps(most: u32, steps: u32) -> Vec<(u32, u32)> {
        let mut previews = Previews::new(most, steps);
        let mut seen = Vec::new();
        assert!(!previews.due(Mark::Bar { done: 500, of: 686 }), "files are loaded");
        for image in 1..=2 {
            assert!(!previews.due(Mark::Samples { image, images: 2 }));
            for done in 1..=steps {
                if previews.due(Mark::Bar { done, of: steps }) {
                    previews.shown += 1;
                    seen.push((previews.image, done));
                }
            }
            assert!(!previews.due(Mark::Sampled));
            assert!(!previews.due(Mark::Bar { done: 9, of: 9 }), "tiles are decoded");
        }
        seen
    }

    #[test]
    fn they_are_spread_over_the_steps_of_each_image() {
        assert_eq!(steps(2, 20), [(0, 6), (0, 12), (1, 6), (1, 12)]);
        assert_eq!(steps(3, 2), [(0, 1), (0, 2), (1, 1), (1, 2)]);
        assert_eq!(steps(0, 20), []);
    }

    #[test]
    fn half_a_file_is_not_shown() {
        let mut previews = Previews::new(1, 1);
        previews.due(Mark::Samples { image: 1, images: 1 });
        assert_eq!(previews.show(b"\x89PNG\r\n\x1a\n".to_vec()), None);
        assert!(previews.due(Mark::Bar { done: 1, of: 1 }));
    }
}
