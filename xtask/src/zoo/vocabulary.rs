//! Vocabularies of the right kind and size, of made-up tokens: what a server needs to load, and no more.

use super::gguf::Value;
use super::sheet::narrow;

/// A made-up vocabulary.
#[derive(Clone, Copy, Debug)]
pub(super) enum Vocabulary {
    /// `SentencePiece`, as of Llama 2: scores and byte tokens.
    SentencePiece { tokens: u64 },
    /// Byte-pair encoding with the pre-tokenizer that llama.cpp has under this name.
    BytePairs { tokens: u64, pre: &'static str },
}

/// `enum llama_token_type` of llama.h.
const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const BYTE: i32 = 6;

impl Vocabulary {
    pub(super) fn metadata(self) -> Vec<(String, Value)> {
        let key = |name: &str| format!("tokenizer.ggml.{name}");
        match self {
            Self::SentencePiece { tokens } => {
                let (texts, types) = sentence_pieces(tokens);
                let scores = vec![-1000.0; texts.len()];
                vec![
                    (key("model"), Value::String("llama".into())),
                    (key("pre"), Value::String("default".into())),
                    (key("tokens"), Value::Strings(texts)),
                    (key("scores"), Value::F32s(scores)),
                    (key("token_type"), Value::I32s(types)),
                    (key("bos_token_id"), Value::U32(1)),
                    (key("eos_token_id"), Value::U32(2)),
                ]
            }
            Self::BytePairs { tokens, pre } => {
                let texts: Vec<_> = (0..tokens).map(|index| format!("t{index}")).collect();
                let mut types = vec![NORMAL; texts.len()];
                if let Some(end) = types.last_mut() {
                    *end = CONTROL;
                }
                vec![
                    (key("model"), Value::String("gpt2".into())),
                    (key("pre"), Value::String(pre.into())),
                    (key("tokens"), Value::Strings(texts)),
                    (key("token_type"), Value::I32s(types)),
                    (key("merges"), Value::Strings(vec!["t 1".into()])),
                    (key("eos_token_id"), Value::U32(narrow(tokens - 1))),
                ]
            }
        }
    }
}

/// Token 0 is the unknown one, 1 and 2 begin and end a text, then come the 256 bytes.
fn sentence_pieces(tokens: u64) -> (Vec<String>, Vec<i32>) {
    (0..tokens)
        .map(|index| match index {
            0 => ("<unk>".into(), UNKNOWN),
            1 => ("<s>".into(), CONTROL),
            2 => ("</s>".into(), CONTROL),
            3..=258 => (format!("<0x{:02X}>", index - 3), BYTE),
            _ => (format!("t{index}"), NORMAL),
        })
        .unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentence_pieces_have_the_bytes_in_their_places() {
        let (texts, types) = sentence_pieces(260);
        assert_eq!((texts[3].as_str(), types[3]), ("<0x00>", BYTE));
        assert_eq!((texts[258].as_str(), types[258]), ("<0xFF>", BYTE));
        assert_eq!((texts[259].as_str(), types[259]), ("t259", NORMAL));
    }
}
