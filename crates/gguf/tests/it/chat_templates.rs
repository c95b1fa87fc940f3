//! What models can do, by templates in the shape of well-known ones: the lines that tell, in our words.

use std::io::Cursor;

use loadmaster_gguf::{Facts, Header};

use crate::writer::{Gguf, s};

/// Tools listed for the model, its calls repeated, thoughts of earlier turns cut out.
const QWEN_3: &str = r"
{%- if tools %}
    {{- '<|im_start|>system\nYou may call these functions:\n<tools>' }}
    {%- for tool in tools %}{{- tool | tojson }}{%- endfor %}
{%- endif %}
{%- for message in messages %}
    {%- if message.reasoning_content is defined %}
        {%- set reasoning_content = message.reasoning_content %}
    {%- elif '</think>' in message.content %}
        {%- set content = message.content.split('</think>')[-1].lstrip('\n') %}
    {%- endif %}
    {%- if message.tool_calls %}{{- '<tool_call>' }}{%- endif %}
{%- endfor %}
{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}";

/// Channels instead of marks around thoughts; tools as types in the developer's message.
const GPT_OSS: &str = r#"
{%- macro render_tool_namespace(name, tools) -%}{{- "namespace " ~ name }}{%- endmacro -%}
{{- "Reasoning: " + reasoning_effort }}
{%- for message in messages -%}
    {%- if "thinking" in message %}{{- "<|start|>assistant<|channel|>analysis<|message|>" + message.thinking }}{%- endif %}
    {%- if "tool_calls" in message %}{{- " to=functions." }}{%- endif %}
{%- endfor -%}"#;

/// Tools, and no thoughts; "think" occurs in what it says to the model.
const LLAMA_3_1: &str = r#"
{%- if custom_tools is defined %}{%- set tools = custom_tools %}{%- endif %}
{%- if tools is not none %}{{- "Think about which of the functions below to call.\n" }}{%- endif %}
{%- for message in messages %}
    {%- if 'tool_calls' in message %}{{- '{"name": "' + message.tool_calls[0].function.name + '", ' }}{%- endif %}
{%- endfor %}"#;

/// Thoughts opened for the model, and calls of tools repeated.
const DEEPSEEK_R1: &str = "{% for message in messages %}{% if message['tool_calls'] %}{{ '<\u{ff5c}tool' }}{% endif %}\
                           {% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}\
                           {% endfor %}{% if add_generation_prompt %}{{ '<\u{ff5c}Assistant\u{ff5c}><think>\\n' }}{% endif %}";

/// Neither.
const GEMMA_3: &str = r"
{{ bos_token }}
{%- for message in messages -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception('Roles must alternate; tools and thinking are not supported') }}
    {%- endif -%}
    {{ '<start_of_turn>' + message['role'] + '\n' + message['content'] | trim }}{{ '<end_of_turn>\n' }}
{%- endfor -%}
{#- Whoever wants tools writes them into the message. -#}";

/// Tool use and reasoning.
fn judged(file: &Gguf) -> (bool, bool) {
    let facts = Facts::of(&Header::read(Cursor::new(file.file()), None).expect("a valid file"));
    assert!(facts.has_chat_template);
    (facts.tool_use, facts.reasoning)
}

fn template(text: &str) -> Gguf {
    Gguf::new().kv("tokenizer.chat_template", s(text))
}

#[test]
fn templates_tell_what_a_model_can_do() {
    for (name, text, expected) in [
        ("Qwen3", QWEN_3, (true, true)),
        ("gpt-oss", GPT_OSS, (true, true)),
        ("Llama 3.1", LLAMA_3_1, (true, false)),
        ("DeepSeek-R1", DEEPSEEK_R1, (true, true)),
        ("Gemma 3", GEMMA_3, (false, false)),
        ("Magistral", "{{ '[THINK]' + message['thinking'] + '[/THINK]' }}", (false, true)),
        ("Granite 3.3", "{%- if thinking %}{{ 'Write your thoughts first.' }}{%- endif %}", (false, true)),
        ("ChatML", "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] }}", (false, false)),
        ("no code", "tools, tool_calls, thinking", (false, false)),
    ] {
        assert_eq!(judged(&template(text)), expected, "{name}");
    }
}

#[test]
fn a_template_of_its_own_for_tools_counts_and_the_models_name_does_not() {
    let two = template(GEMMA_3).kv("tokenizer.chat_template.tool_use", s(LLAMA_3_1));
    assert_eq!(judged(&two), (true, false));
    let named = template(GEMMA_3).kv("general.name", s("Reasoning tool_calls <think> 7B"));
    assert_eq!(judged(&named), (false, false));
}
