//! What a file that is not GGUF looks like.

use std::fmt;

/// How many first bytes are enough to tell.
pub(crate) const SNIFF_BYTES: usize = 512;

/// A guess at what a file is, from its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LooksLike {
    /// No bytes at all.
    Empty,
    /// Nothing but zeros: space was reserved and never filled.
    Zeros,
    /// A web page.
    Html,
    /// The few lines that Git LFS keeps in place of a large file.
    GitLfsPointer,
    /// JSON: a configuration, a tokenizer or an error message of a server.
    Json,
    /// Other text.
    PlainText,
    /// Weights in Hugging Face's safetensors format.
    Safetensors,
    /// A zip archive; the checkpoints of `PyTorch` are zip archives too.
    Zip,
    /// A Python pickle, the older form of a `PyTorch` checkpoint.
    Pickle,
    /// A gzip, xz, bzip2, zstd, 7z or rar archive.
    Archive,
    /// A model in one of the formats that llama.cpp used before GGUF.
    OldGgml,
    /// Nothing known.
    Binary,
}

impl LooksLike {
    /// The best guess for a file that begins with these bytes.
    #[must_use]
    pub fn of(first: &[u8]) -> Self {
        if first.is_empty() {
            return Self::Empty;
        }
        if let Some(known) = by_magic(first) {
            return known;
        }
        if first.iter().all(|&byte| byte == 0) {
            return Self::Zeros;
        }
        if is_safetensors(first) {
            return Self::Safetensors;
        }
        text(first).unwrap_or(Self::Binary)
    }

    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::Empty | Self::Zeros => {
                "The download did not finish: continue it or download the file again."
            }
            Self::Html | Self::Json | Self::PlainText => {
                "Check where the file came from: a server's page or message may have been saved \
                 in place of the model (a missing login, or a link to the page about the file)."
            }
            Self::GitLfsPointer => {
                "Fetch the real file with `git lfs pull`, or download it from the model's page."
            }
            Self::Safetensors | Self::Pickle | Self::OldGgml => {
                "Look for a GGUF conversion of the model, or convert it with llama.cpp's \
                 convert_hf_to_gguf.py."
            }
            Self::Zip => "Look for a GGUF conversion of the model; if it is an archive, unpack it first.",
            Self::Archive => "Unpack the archive and name the .gguf file inside.",
            Self::Binary => "Check that this is the file you meant; models end in .gguf.",
        }
    }
}

impl fmt::Display for LooksLike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::Zeros => "it begins with zeros, as an unfinished download does",
            Self::Html => "it is a web page",
            Self::GitLfsPointer => "it is a Git LFS pointer, not the file it stands for",
            Self::Json => "it looks like JSON",
            Self::PlainText => "it is a text file",
            Self::Safetensors => "it looks like safetensors weights",
            Self::Zip => "it is a zip archive or a PyTorch checkpoint",
            Self::Pickle => "it looks like an old PyTorch checkpoint (a Python pickle)",
            Self::Archive => "it is a compressed archive",
            Self::OldGgml => "it is a model in a format older than GGUF",
            Self::Binary => "it is in no known format",
        })
    }
}

fn by_magic(first: &[u8]) -> Option<LooksLike> {
    const MAGICS: &[(&[u8], LooksLike)] = &[
        (b"PK\x03\x04", LooksLike::Zip),
        (b"\x80\x02", LooksLike::Pickle),
        (b"\x80\x04", LooksLike::Pickle),
        (b"\x1f\x8b", LooksLike::Archive),
        (b"\xfd7zXZ\0", LooksLike::Archive),
        (b"BZh", LooksLike::Archive),
        (b"\x28\xb5\x2f\xfd", LooksLike::Archive),
        (b"7z\xbc\xaf\x27\x1c", LooksLike::Archive),
        (b"Rar!\x1a\x07", LooksLike::Archive),
        // The magics 'ggml', 'ggmf', 'ggjt' and 'ggla' as little-endian numbers.
        (b"lmgg", LooksLike::OldGgml),
        (b"fmgg", LooksLike::OldGgml),
        (b"tjgg", LooksLike::OldGgml),
        (b"algg", LooksLike::OldGgml),
    ];
    MAGICS.iter().find(|(magic, _)| first.starts_with(magic)).map(|(_, kind)| *kind)
}

/// Safetensors begin with the length of a JSON object and that object.
fn is_safetensors(first: &[u8]) -> bool {
    const LONGEST_OBJECT: u64 = 1 << 30;
    first.split_first_chunk().is_some_and(|(length, rest)| {
        (2..LONGEST_OBJECT).contains(&u64::from_le_bytes(*length)) && rest.first() == Some(&b'{')
    })
}

fn text(first: &[u8]) -> Option<LooksLike> {
    let valid = match std::str::from_utf8(first) {
        Ok(text) => text,
        // The last character may be cut in two.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&first[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let text = valid.trim_start_matches('\u{feff}').trim_start();
    if text.is_empty() && valid.is_empty()
        || text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}'))
    {
        return None;
    }
    let starts = |with: &str| text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    Some(if starts("<!doctype html") || starts("<html") || starts("<head") {
        LooksLike::Html
    } else if starts("version https://git-lfs") {
        LooksLike::GitLfsPointer
    } else if text.starts_with(['{', '[']) {
        LooksLike::Json
    } else {
        LooksLike::PlainText
    })
}

#[cfg(test)]
mod tests {
    use super::LooksLike;

    #[test]
    fn the_files_people_mistake_for_models_are_named() {
        let mut safetensors = 40_u64.to_le_bytes().to_vec();
        safetensors.extend_from_slice(b"{\"__metadata__\":{}}");
        let cases: &[(&[u8], LooksLike)] = &[
            (b"", LooksLike::Empty),
            (&[0; 64], LooksLike::Zeros),
            (b"\n<!DOCTYPE html><html>", LooksLike::Html),
            (b"<HTML><head>", LooksLike::Html),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", LooksLike::GitLfsPointer),
            (b"{\"error\": \"gated\"}", LooksLike::Json),
            (b"Invalid username or password.", LooksLike::PlainText),
            ("h\u{e9}".as_bytes().split_last().unwrap().1, LooksLike::PlainText),
            (&safetensors, LooksLike::Safetensors),
            (b"PK\x03\x04archive/data.pkl", LooksLike::Zip),
            (b"\x80\x02}q\x00", LooksLike::Pickle),
            (b"\x1f\x8b\x08\x00", LooksLike::Archive),
            (b"tjgg\x03\0\0\0", LooksLike::OldGgml),
            (b"\x7fELF\x02\x01\x01\x00\x00", LooksLike::Binary),
            (b"\xff\xfe\xfd", LooksLike::Binary),
        ];
        for (bytes, expected) in cases {
            assert_eq!(LooksLike::of(bytes), *expected, "{:?}", String::from_utf8_lossy(bytes));
        }
    }
}
