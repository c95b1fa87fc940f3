//! What a model can do in a chat, judged by what its chat template handles.
//!
//! Chat templates are Jinja. What a template handles shows in the names that its code uses (`tools`,
//! `message.tool_calls`, `enable_thinking`) and in the marks it writes (`<think>`): no template is run,
//! and no model is judged by its name.

use crate::header::Header;

/// Names in a template's code that stand for tools: those a model may call, and calls it made.
const TOOL_NAMES: &[&str] = &["tools", "tool_calls", "custom_tools", "builtin_tools", "available_tools"];

/// Names in a template's code that stand for a model's thoughts, or for whether and how much it thinks.
const REASONING_NAMES: &[&str] = &[
    "enable_thinking",
    "reasoning_content",
    "reasoning_effort",
    "reasoning",
    "thinking",
    "thinking_budget",
    "thoughts",
];

/// Marks around a model's thoughts, as its text has them.
const REASONING_MARKS: &[&str] = &[
    "<think>",
    "</think>",
    "<thinking>",
    "<seed:think>",
    "[THINK]",
    "<|channel|>analysis",
    "<|START_THINKING|>",
    "<|begin_of_thought|>",
    "\u{25c1}think\u{25b7}",
];

/// What a model's chat templates handle.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ChatTemplate {
    /// There is one.
    pub(crate) exists: bool,
    /// Tools can be given to the model, or its calls of them are part of the chat.
    pub(crate) tool_use: bool,
    /// The model's thoughts are told from its answer.
    pub(crate) reasoning: bool,
}

impl ChatTemplate {
    /// Reads the template of a header, and further ones by name such as `tokenizer.chat_template.tool_use`.
    pub(crate) fn of(header: &Header) -> Self {
        let metadata = header.metadata();
        let is_template =
            |key: &str| key == "tokenizer.chat_template" || key.starts_with("tokenizer.chat_template.");
        let keys = metadata.iter().map(|(key, _)| key).filter(|key| is_template(key));
        keys.fold(Self::default(), |all, key| {
            let text = metadata.get_lossy(key).unwrap_or_default();
            Self {
                exists: true,
                tool_use: all.tool_use || handles_tools(&text),
                reasoning: all.reasoning || handles_reasoning(&text),
            }
        })
    }
}

fn handles_tools(template: &str) -> bool {
    words(template).any(|word| TOOL_NAMES.contains(&word))
}

fn handles_reasoning(template: &str) -> bool {
    REASONING_MARKS.iter().any(|mark| template.contains(mark))
        || words(template).any(|word| REASONING_NAMES.contains(&word))
}

/// The names in a template's code: variables, and the keys that are taken from them. What code says to
/// people or to the model, that is strings which are more than one word, has none.
fn words(template: &str) -> impl Iterator<Item = &str> {
    code(template).flat_map(pieces).flat_map(|(is_string, piece)| {
        let several = is_string && piece.contains(|c: char| !is_part_of_name(c));
        let names = piece.split(|c: char| !is_part_of_name(c)).filter(|name| !name.is_empty());
        names.filter(move |_| !several)
    })
}

/// A piece of code cut where strings begin and end; whether each piece is a string.
fn pieces(code: &str) -> impl Iterator<Item = (bool, &str)> {
    let (mut rest, mut quote) = (code, None);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let is_string = quote.is_some();
        let mut escaped = false;
        let end = rest.find(|c: char| {
            let ends = !escaped && quote.map_or(matches!(c, '\'' | '"'), |quote| c == quote);
            escaped = is_string && c == '\\' && !escaped;
            ends
        });
        let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
        quote = if is_string { None } else { after.chars().next() };
        rest = after.get(1..).unwrap_or_default();
        Some((is_string, piece))
    })
}

fn is_part_of_name(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric()
}

/// The code of a template: what is between `{{` and `}}` or `{%` and `%}`. The rest is text, or a
/// comment between `{#` and `#}`.
fn code(template: &str) -> impl Iterator<Item = &str> {
    let mut rest = template;
    std::iter::from_fn(move || {
        loop {
            let start = rest.find('{')?;
            let (opening, after) = rest[start..].split_at_checked(2)?;
            let closing = match opening {
                "{{" => "}}",
                "{%" => "%}",
                "{#" => "#}",
                _ => {
                    rest = &rest[start + 1..];
                    continue;
                }
            };
            let end = after.find(closing).unwrap_or(after.len());
            rest = after.get(end + closing.len()..).unwrap_or_default();
            if opening != "{#" {
                return Some(&after[..end]);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_told_from_text_and_comments() {
        let template =
            "tools {# tools #}{{ a['b'] }} {x {%- if c.d -%}tools{% endif %}{{ 'the tools' ~ \"e\" }}{{ f";
        let found: Vec<&str> = words(template).collect();
        assert_eq!(found, ["a", "b", "if", "c", "d", "endif", "e", "f"]);
        let quotes = r#"{{ "it's tools" ~ 'a \' tools' ~ x["y"] }}"#;
        assert_eq!(words(quotes).collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(words("{").count() + words("{\u{e9}{{").count() + words("").count(), 0);
    }
}
