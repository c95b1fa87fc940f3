//! Quantisations, as names of files have them.

use std::fmt;

use serde::Serialize;

/// A quantisation, as in `Q4_K_M` or, of those that spare important tensors, `UD-Q4_K_XL`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Quantisation(String);

impl Quantisation {
    /// The one that is called this, in any case.
    pub(crate) fn named(name: &str) -> Self {
        Self(name.to_ascii_uppercase())
    }

    /// The one that the name of a file, or else of its folder, ends with.
    pub fn of_path(path: &str) -> Option<Self> {
        path.rsplit('/').find_map(of_name)
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether somebody who writes `wanted` means this one: prefixes of packers may be left out.
    pub(crate) fn is_meant_by(&self, wanted: &Self) -> bool {
        self == wanted || self.0.strip_prefix("UD-") == Some(&wanted.0)
    }

    /// Bits that each weight takes, roughly: those of the blocks of ggml, without what the mixtures (`_M`,
    /// `_L`) add.
    pub fn bits(&self) -> f64 {
        let name = self.0.strip_prefix("UD-").unwrap_or(&self.0);
        let known = [
            ("F32", 32.0),
            ("F16", 16.0),
            ("FP16", 16.0),
            ("BF16", 16.0),
            ("FP8", 8.0),
            ("MXFP4", 4.25),
            ("NVFP4", 4.5),
            ("TQ1", 1.7),
            ("TQ2", 2.1),
            ("IQ1", 1.7),
            ("IQ2", 2.4),
            ("IQ3", 3.4),
            ("IQ4", 4.4),
            ("Q1", 1.2),
            ("Q2", 2.7),
            ("Q3", 3.5),
            ("Q4", 4.6),
            ("Q5", 5.5),
            ("Q6", 6.6),
            ("Q8", 8.5),
        ];
        known.iter().find(|(start, _)| name.starts_with(start)).map_or(16.0, |(_, bits)| *bits)
    }
}

/// The quantisation in one name.
fn of_name(name: &str) -> Option<Quantisation> {
    let name = name.to_ascii_uppercase();
    let stem = name.strip_suffix(".GGUF").or_else(|| name.strip_suffix(".SAFETENSORS")).unwrap_or(&name);
    // The number of a part comes last.
    let stem = loadmaster_gguf::shard_names(&format!("{stem}.gguf"))
        .and_then(|_| stem.rsplit_once("-OF-")?.0.rsplit_once('-'))
        .map_or(stem, |(stem, _)| stem);
    let tokens: Vec<&str> = stem.split(['-', '.', ' ']).collect();
    let at = tokens.iter().rposition(|token| is_quantisation(token));
    if let Some(at) = at {
        let dynamic = at > 0 && tokens[at - 1] == "UD";
        return Some(Quantisation(if dynamic {
            format!("UD-{}", tokens[at])
        } else {
            tokens[at].to_owned()
        }));
    }
    // Of `model_q8_0` and `model_fp16`, where an underscore comes before it.
    let starts = stem.match_indices('_').map(|(at, _)| &stem[at + 1..]);
    starts.into_iter().find(|end| is_quantisation(end)).map(|end| Quantisation(end.to_owned()))
}

/// Whether a word is the name of one: `Q4_K_M`, `IQ3_XXS`, `F16`, `MXFP4_MOE`, ...
fn is_quantisation(word: &str) -> bool {
    if matches!(word, "F32" | "F16" | "BF16" | "FP32" | "FP16" | "FP8" | "MXFP4" | "MXFP4_MOE" | "NVFP4") {
        return true;
    }
    let digits =
        word.strip_prefix("IQ").or_else(|| word.strip_prefix("TQ")).or_else(|| word.strip_prefix('Q'));
    digits.is_some_and(|rest| {
        let mut parts = rest.split('_');
        let bits = parts.next().unwrap_or_default();
        let rest: Vec<&str> = parts.collect();
        matches!(bits, "1" | "2" | "3" | "4" | "5" | "6" | "8")
            && !rest.is_empty()
            && rest.iter().all(|part| {
                matches!(
                    *part,
                    "K" | "S" | "M" | "L" | "XL" | "XS" | "XXS" | "NL" | "0" | "1" | "4" | "8" | "H"
                )
            })
    })
}

impl fmt::Display for Quantisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_real_files_are_read() {
        let cases = [
            ("Llama-3.2-1B-Instruct-Q4_K_M.gguf", Some("Q4_K_M")),
            ("sdxl_lightning_4step.q4_1.gguf", Some("Q4_1")),
            ("flux-2-klein-4b-Q8_0.gguf", Some("Q8_0")),
            ("Qwen3-30B-A3B-UD-Q4_K_XL.gguf", Some("UD-Q4_K_XL")),
            ("Qwen1.5-32B.IQ3_XS.gguf", Some("IQ3_XS")),
            ("llama-3.2-1b-q5_k_s.gguf", Some("Q5_K_S")),
            ("gpt-oss-20b-MXFP4.gguf", Some("MXFP4")),
            ("BF16/model-BF16-00001-of-00002.gguf", Some("BF16")),
            ("Q6_K/model-00001-of-00002.gguf", Some("Q6_K")),
            ("sd_xl_turbo_1.0_fp16.safetensors", Some("FP16")),
            ("qwen2.5-0.5b-instruct.gguf", None),
            ("model.safetensors", None),
        ];
        for (path, name) in cases {
            assert_eq!(Quantisation::of_path(path).as_ref().map(Quantisation::as_str), name, "{path}");
        }
    }

    #[test]
    fn bits_grow_with_names() {
        let bits = |name: &str| Quantisation::named(name).bits();
        let order = ["IQ1_S", "IQ2_M", "Q2_K", "Q3_K_M", "Q4_K_M", "Q5_K_M", "q6_k", "Q8_0", "BF16", "F32"];
        assert!(order.windows(2).all(|two| bits(two[0]) < bits(two[1])));
        assert!(Quantisation::named("UD-Q4_K_XL").is_meant_by(&Quantisation::named("q4_k_xl")));
    }
}
