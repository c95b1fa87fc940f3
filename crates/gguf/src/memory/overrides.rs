//! Tensors that are put elsewhere than their layer (`--override-tensor`, `--n-cpu-moe`).

use regex::bytes::{Regex, RegexBuilder};

use super::{load::Load, weight::Weight};
use crate::error::{GgufError, shortened};

/// Puts the tensors whose name matches a pattern on a device or on the host (`--override-tensor`).
///
/// A pattern is found anywhere in the name unless it is anchored, as `std::regex_search` finds it with
/// ECMAScript's grammar, which is what llama.cpp uses (`buft_for_tensor` in llama-model-loader.cpp).
#[derive(Debug, Clone)]
pub struct Override {
    pattern: Regex,
    device: Option<usize>,
}

impl Override {
    /// Puts what `pattern` matches on the device with this place in [`Load::devices`], or with `None` on
    /// the host.
    ///
    /// # Errors
    /// [`GgufError::InvalidPattern`] when it is no regular expression, or one with looking ahead or
    /// references back, which are not supported here.
    pub fn new(pattern: &str, device: Option<usize>) -> Result<Self, GgufError> {
        let invalid = |cause: String| GgufError::InvalidPattern { pattern: shortened(pattern), cause };
        // What follows `(?` differs between the grammars; only groups without a capture are in both.
        if has_other_group(pattern) {
            return Err(invalid("of the groups that begin with (? only (?: is supported".to_owned()));
        }
        match RegexBuilder::new(pattern).unicode(false).build() {
            Ok(pattern) => Ok(Self { pattern, device }),
            Err(error) => {
                // The last line has the cause; those before it show the place.
                let text = error.to_string();
                let cause = text.lines().last().unwrap_or_default();
                Err(invalid(cause.trim_start_matches("error: ").to_owned()))
            }
        }
    }

    /// The pattern, as it was given.
    #[must_use]
    pub fn pattern(&self) -> &str {
        self.pattern.as_str()
    }

    /// The device, by its place in [`Load::devices`]; `None` for the host.
    #[must_use]
    pub fn device(&self) -> Option<usize> {
        self.device
    }

    fn matches(&self, name: &str) -> bool {
        self.pattern.is_match(name.as_bytes())
    }
}

impl PartialEq for Override {
    fn eq(&self, other: &Self) -> bool {
        (self.pattern(), self.device) == (other.pattern(), other.device)
    }
}

fn has_other_group(pattern: &str) -> bool {
    let mut escaped = false;
    pattern.char_indices().any(|(at, character)| {
        let rest = &pattern[at..];
        let other = !escaped && rest.starts_with("(?") && !rest.starts_with("(?:");
        escaped = !escaped && character == '\\';
        other
    })
}

/// Where a tensor is asked to lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Device(usize),
    Host,
}

/// What is asked for a weight; nothing of most.
pub(super) fn wish(weight: &Weight, load: &Load) -> Option<Wish> {
    if !load.overrides.is_empty() {
        let name = weight.full_name();
        if let Some(found) = load.overrides.iter().find(|one| one.matches(&name)) {
            return Some(found.device.map_or(Wish::Host, Wish::Device));
        }
    }
    let layer = weight.layer? as u64;
    (layer < load.cpu_moe_layers && is_routed(&weight.name)).then_some(Wish::Host)
}

/// What `LLM_FFN_EXPS_REGEX` in common.h matches.
fn is_routed(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("ffn_") else {
        return false;
    };
    let kinds = ["up_", "down_", "gate_", "gate_up_"];
    let mut rests = kinds.iter().filter_map(|kind| rest.strip_prefix(kind));
    rests.any(|rest| rest.starts_with("exps") || rest.starts_with("chexps"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_found_anywhere_in_a_name() {
        let matches = |pattern: &str, name: &str| Override::new(pattern, None).unwrap().matches(name);
        assert!(matches(r"ffn_(up|down)", "blk.3.ffn_down.weight"));
        assert!(matches(r"blk\.([0-9]|1[0-3])\.ffn_.*_exps\.", "blk.13.ffn_up_exps.weight"));
        assert!(!matches(r"blk\.([0-9]|1[0-3])\.ffn", "blk.14.ffn_up.weight"));
        assert!(!matches(r"^ffn_up", "blk.3.ffn_up.weight"));
        assert!(matches(r"(?:attn|output)\.\w+$", "output.weight"));
        assert!(matches(r"\d+\/?", "blk.14.ffn_up.weight"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for pattern in ["(", "a{2,1}", "(?=b)", "(?i)b", r"(a)\1", "[z-a]"] {
            let error = Override::new(pattern, None).unwrap_err();
            assert!(matches!(error, GgufError::InvalidPattern { .. }), "{pattern}: {error}");
        }
        assert!(Override::new(r"\(?a", None).is_ok());
    }

    #[test]
    fn routed_experts_are_told_from_what_is_called_like_them() {
        assert!(is_routed("ffn_gate_up_exps.weight") && is_routed("ffn_down_chexps.bias"));
        assert!(!is_routed("ffn_norm_exps.weight") && !is_routed("ffn_up_shexp.weight"));
    }
}
