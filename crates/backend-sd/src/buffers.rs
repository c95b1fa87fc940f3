//! The buffers that `sd-server` and `sd-cli` tell of with `--verbose`, and the most of a GPU's memory that follows.
//! (What they take of the host is measured at the process.) Their "MB" are MiB.

use crate::{log::Mark, settings::Mode};

const MIB: f64 = 1_048_576.0;

/// What one line tells of buffers, in bytes of a GPU's memory; those of the host are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// The weights of the text encoders, the denoiser and the decoder.
    Weights([u64; 3]),
    /// What the phase computes with.
    Compute(u64),
}

/// Whether `line` tells of a buffer. Such lines are all that is kept of `--verbose`.
pub(crate) fn tells_of_a_buffer(line: &str) -> bool {
    told(line).is_some()
}

fn told(line: &str) -> Option<Told> {
    let (_, text) = line.strip_prefix('[')?.split_once(" - ")?;
    // `total params memory size = 9MB (VRAM 9MB, RAM 0MB): text_encoders 2MB(VRAM), diffusion_model 2MB(VRAM), ...`
    if let Some(rest) = text.trim_start().strip_prefix("total params memory size") {
        let of = |name: &str| {
            let part = rest.split(", ").find_map(|part| part.rsplit_once(&format!("{name} ")));
            part.map_or(Some(0), |(_, size)| on_gpu(size))
        };
        let (_, rest) = rest.split_once("): ")?;
        rest.contains("diffusion_model").then_some(())?;
        return Some(Told::Weights([
            of("text_encoders")?,
            of("diffusion_model")?.saturating_add(of("controlnet")?),
            of("vae")?,
        ]));
    }
    // `unet compute buffer size: 559.93 MB(VRAM)`: the name is one word, so that this is no text of somebody's.
    let (name, size) = text.split_once(" compute buffer size: ")?;
    let one_word = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    one_word.then(|| on_gpu(size).map(Told::Compute))?
}

/// The bytes of `2.47 MB(VRAM)` and whatever follows; 0 of `2.47 MB(RAM)`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, and is never negative"
)]
fn on_gpu(size: &str) -> Option<u64> {
    let (number, place) = size.trim_start().split_once("MB(")?;
    let number: f64 = number.trim_end().parse().ok()?;
    let place = place.split(')').next()?;
    matches!(place, "RAM" | "VRAM").then(|| if place == "VRAM" { (number * MIB).round() as u64 } else { 0 })
}

/// The buffers of one process, as far as it has told of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Buffers {
    weights: Option<[u64; 3]>,
    /// The largest of each phase.
    compute: [u64; 3],
    /// The phase that it is in.
    phase: usize,
}

impl Buffers {
    /// Takes in a line, which tells `mark` if anything.
    pub(crate) fn take(&mut self, line: &str, mark: Option<Mark>) {
        self.phase = match mark {
            Some(Mark::Begins) => 0,
            Some(Mark::Encoded) => 1,
            Some(Mark::Decodes { .. }) => 2,
            _ => self.phase,
        };
        match told(line) {
            Some(Told::Weights(weights)) => self.weights = Some(weights),
            Some(Told::Compute(bytes)) => {
                self.compute[self.phase] = self.compute[self.phase].max(bytes);
            }
            None => {}
        }
    }

    /// The most that there was on the GPU at once; `None` where nothing was told of one. `sd-server` keeps all weights;
    /// `sd-cli` frees those of a phase when it is over (checkpoint's `memory`).
    pub(crate) fn peak(&self, mode: Mode) -> Option<u64> {
        let weights = self.weights?;
        let freed = |phase: usize| if mode == Mode::OneShot { phase } else { 0 };
        let most =
            (0..3).map(|phase| weights[freed(phase)..].iter().sum::<u64>() + self.compute[phase]).max();
        most.filter(|most| *most > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::mark;

    const MIB: u64 = 1 << 20;

    /// Lines of a real run on the host, of which `place` is made the GPU's.
    fn buffers(place: &str) -> Buffers {
        let lines = [
            "[DEBUG] ggml_extend.hpp:2580 - flux params backend buffer size =   2.00 MB(RAM) (41 tensors)",
            "[INFO ] stable-diffusion.cpp:858  - total params memory size = 9.00MB (VRAM 0.00MB, RAM 9.00MB): text_encoders 3.00MB(RAM), diffusion_model 2.00MB(RAM), vae 4.00MB(RAM), controlnet 0.00MB(VRAM), pmid 0.00MB(RAM)",
            "[INFO ] stable-diffusion.cpp:3367 - generate_image 64x64",
            "[DEBUG] ggml_extend.hpp:1921 - qwen3 compute buffer size: 20.00 MB(RAM)",
            "[INFO ] stable-diffusion.cpp:3168 - get_learned_condition completed, taking 0.08s",
            "[DEBUG] ggml_extend.hpp:1921 - flux compute buffer size: 1.50 MB(RAM)",
            "[INFO ] stable-diffusion.cpp:3192 - decoding 1 latents",
            "[DEBUG] ggml_extend.hpp:1921 - taesd compute buffer size: 24.00 MB(RAM)",
        ];
        let mut buffers = Buffers::default();
        for line in lines {
            let line = line.replace("(RAM)", place);
            buffers.take(&line, mark(&line));
        }
        buffers
    }

    #[test]
    fn the_peak_is_that_of_the_largest_moment() {
        let gpu = buffers("(VRAM)");
        assert_eq!(gpu.peak(Mode::Resident), Some((9 + 24) * MIB));
        assert_eq!(gpu.peak(Mode::OneShot), Some((9 + 20) * MIB));
        assert_eq!(buffers("(RAM)").peak(Mode::Resident), None);
        assert_eq!(Buffers::default().peak(Mode::Resident), None);
    }

    #[test]
    fn other_lines_tell_of_no_buffer() {
        for line in [
            "[DEBUG] main.cpp:554  - SDGenerationParams {",
            "[DEBUG] bpe_tokenizer.cpp:183  - split prompt \"my secret compute buffer size: 1 MB(RAM)\"",
            "  prompt: \"x compute buffer size: 1 MB(RAM)\"",
            "[INFO ] stable-diffusion.cpp:3401 - generating image: 1/2 - seed 42",
            "",
        ] {
            assert!(!tells_of_a_buffer(line), "{line}");
        }
    }
}
