//! What a line of `sd-server` and `sd-cli` tells. Both print the same ones, INFO and progress to standard output and
//! errors to the other stream. With `--verbose` they tell of their buffers, and of what they were asked for: that is
//! their users' own, and kept nowhere.

use crate::buffers::tells_of_a_buffer;

/// What one line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// It began to read a model's files.
    Loads,
    /// A progress bar: of tensors, steps or tiles, whichever it works on.
    Bar { done: u32, of: u32 },
    /// All weights are read.
    Loaded,
    /// It began with a request: the prompt is encoded now.
    Begins,
    /// The prompt is encoded.
    Encoded,
    /// An image's steps begin; counted from 1.
    Samples { image: u32, images: u32 },
    /// An image's steps are done.
    Sampled,
    /// It began to decode so many images.
    Decodes { images: u32 },
    /// So many images are decoded.
    Decoded { image: u32 },
    /// All is done but for writing it down.
    Done,
}

/// Keeps what the programs say without `--verbose`, and what they say of buffers. All else of `--verbose` is dropped: the
/// prompt and its tokens, with the lines that they go on in. (What looks like a line of the programs within a prompt
/// of several lines cannot be told from one.)
pub(crate) fn without_what_users_say() -> Box<dyn FnMut(&str) -> bool + Send> {
    let mut kept = true;
    Box::new(move |line| {
        if bar(line).is_some() {
            return true;
        }
        if let Some(level) = level(line) {
            kept = level != "DEBUG" || tells_of_a_buffer(line);
        }
        kept
    })
}

/// The level of a line that begins as the programs' own do: `[INFO ] model.cpp:219  - text`.
fn level(line: &str) -> Option<&str> {
    let (level, rest) = line.strip_prefix('[')?.split_once("] ")?;
    let (place, _) = rest.split_once(" - ")?;
    let (file, number) = place.trim_end().split_once(':')?;
    let is_source = matches!(file.rsplit_once('.'), Some((_, "cpp" | "hpp" | "h")));
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_source && is_number && !file.contains(char::is_whitespace)).then_some(level.trim_end())
}

/// What `line` tells, if anything.
pub(crate) fn mark(line: &str) -> Option<Mark> {
    if let Some(bar) = bar(line) {
        return Some(bar);
    }
    // `[INFO ] stable-diffusion.cpp:3401 - generating image: 1/2 - seed 42`
    let (_, text) = line.strip_prefix("[INFO ]")?.split_once(" - ")?;
    let text = text.trim_start();
    if let Some(rest) = text.strip_prefix("generating image: ") {
        let (image, images) = fraction(rest)?;
        return Some(Mark::Samples { image, images });
    }
    if let Some(rest) = text.strip_prefix("decoding ") {
        return Some(Mark::Decodes { images: number(rest)? });
    }
    if let Some(rest) = text.strip_prefix("latent ") {
        return Some(Mark::Decoded { image: number(rest)? });
    }
    let begins = |words: &str| text.starts_with(words);
    match () {
        () if begins("loading ") && text.contains(" from '") => Some(Mark::Loads),
        () if begins("total params memory size") => Some(Mark::Loaded),
        () if begins("generate_image completed") => Some(Mark::Done),
        () if begins("generate_image ") => Some(Mark::Begins),
        () if begins("get_learned_condition completed") => Some(Mark::Encoded),
        () if begins("sampling completed") => Some(Mark::Sampled),
        () => None,
    }
}

/// `  |====>      | 3/20 - 1.25it/s`: the bar is 50 wide.
fn bar(line: &str) -> Option<Mark> {
    let (bar, rest) = line.trim_start().strip_prefix('|')?.split_once("| ")?;
    if bar.is_empty() || !bar.chars().all(|c| matches!(c, '=' | '>' | ' ')) {
        return None;
    }
    let (done, of) = fraction(rest)?;
    Some(Mark::Bar { done, of })
}

/// The two numbers of `3/20` and whatever follows.
fn fraction(text: &str) -> Option<(u32, u32)> {
    let (first, second) = text.split_once('/')?;
    Some((first.parse().ok()?, number(second)?))
}

/// The number that a text begins with.
fn number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of a real run.
    #[test]
    fn lines_are_read() {
        let bar = "  |=========================>                        | 1/2 - 81.07it/s\u{1b}[K";
        for (line, told) in [
            (
                "[INFO ] stable-diffusion.cpp:212  - loading model from '/m/micro.safetensors'",
                Some(Mark::Loads),
            ),
            ("[INFO ] model.cpp:219  - load /m/micro.safetensors using safetensors format", None),
            (bar, Some(Mark::Bar { done: 1, of: 2 })),
            (
                "[INFO ] stable-diffusion.cpp:858  - total params memory size = 6.41MB (VRAM 0.00MB",
                Some(Mark::Loaded),
            ),
            ("[INFO ] stable-diffusion.cpp:3367 - generate_image 64x64", Some(Mark::Begins)),
            (
                "[INFO ] stable-diffusion.cpp:3168 - get_learned_condition completed, taking 0.07s",
                Some(Mark::Encoded),
            ),
            (
                "[INFO ] stable-diffusion.cpp:3401 - generating image: 1/2 - seed 42",
                Some(Mark::Samples { image: 1, images: 2 }),
            ),
            ("[INFO ] stable-diffusion.cpp:3432 - sampling completed, taking 0.02s", Some(Mark::Sampled)),
            ("[INFO ] stable-diffusion.cpp:3192 - decoding 2 latents", Some(Mark::Decodes { images: 2 })),
            (
                "[INFO ] stable-diffusion.cpp:3208 - latent 1 decoded, taking 0.05s",
                Some(Mark::Decoded { image: 1 }),
            ),
            ("[INFO ] stable-diffusion.cpp:3591 - generate_image completed in 0.21s", Some(Mark::Done)),
            ("[ERROR] main.cpp:1 - generate_image completed", None),
            ("| a | table | 1/2", None),
            ("", None),
        ] {
            assert_eq!(mark(line), told, "{line}");
        }
    }

    /// What a real run says of its prompt, between lines that are kept.
    #[test]
    fn what_users_say_is_dropped() {
        let lines = [
            ("ggml_vulkan: 0 = AMD", true),
            ("[DEBUG] main.cpp:554  - SDGenerationParams {", false),
            ("  prompt: \"a cat", false),
            ("and [INFO ] x - more", false),
            ("  seed: 42,", false),
            ("[INFO ] stable-diffusion.cpp:3367 - generate_image 64x64", true),
            ("[DEBUG] conditioner.hpp:1742 - parse '<|im_start|>user", false),
            ("a cat", false),
            ("  |=========================>                        | 1/2 - 81.07it/s", true),
            ("a cat", false),
            ("[DEBUG] ggml_extend.hpp:1921 - qwen3 compute buffer size: 22.38 MB(RAM)", true),
            ("[ERROR] stable-diffusion.cpp:300  - get sd version from file failed: '/m/x'", true),
        ];
        let mut keep = without_what_users_say();
        for (line, kept) in lines {
            assert_eq!(keep(line), kept, "{line}");
        }
    }
}
