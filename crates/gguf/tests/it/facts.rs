//! What is told about a model.

use std::io::Cursor;

use loadmaster_gguf::{Facts, Header, Kind, PerLayer, Shard};

use crate::writer::{Gguf, V, model, s};

fn facts(file: &Gguf) -> Facts {
    Facts::of(&Header::read(Cursor::new(file.file()), None).expect("a valid file"))
}

#[test]
fn a_model_tells_all_about_itself() {
    let file = model();
    let facts = facts(&file);
    let parameters = 6400 + 4096 + 8192 + 4096 + 64 + 6400 + 32;
    let bytes: u64 = 6800 + 2304 + 4608 + 2304 + 256 + 6800 + 128;
    assert_eq!(
        facts,
        Facts {
            kind: Kind::Text,
            gguf_version: 3,
            architecture: Some("llama".into()),
            name: Some("Tiny".into()),
            size_label: Some("1K".into()),
            parameter_count: Some(parameters),
            quantisation: Some("Q4_K_M".into()),
            bits_per_weight: Some(23200.0 * 8.0 / 29280.0),
            context_length: Some(2048),
            embedding_length: Some(64),
            block_count: Some(2),
            head_count: Some(PerLayer::Same(4)),
            head_count_kv: Some(PerLayer::Each(vec![2, 1])),
            expert_count: None,
            expert_used_count: None,
            vocab_size: Some(100),
            tensor_count: 7,
            tensor_bytes: Some(bytes),
            file_bytes: Some(file.file().len() as u64),
            tokenizer: Some("gpt2".into()),
            has_chat_template: true,
            tool_use: false,
            reasoning: false,
            shard: None,
        }
    );
}

#[test]
fn a_bare_file_lacks_everything() {
    let facts = facts(&Gguf::new());
    assert_eq!(facts.kind, Kind::Other);
    assert_eq!(facts.parameter_count, None);
    assert_eq!(facts.bits_per_weight, None);
    assert_eq!(facts.quantisation, None);
    assert_eq!(facts.tensor_bytes, Some(0));
    assert!(!facts.has_chat_template && !facts.tool_use && !facts.reasoning);
}

#[test]
fn without_a_known_file_type_the_largest_tensor_type_names_the_quantisation() {
    let file = Gguf::new().kv("general.file_type", V::U32(999)).tensor("a", &[32], 0, 128).tensor(
        "b",
        &[256],
        8,
        272,
    );
    assert_eq!(facts(&file).quantisation.as_deref(), Some("Q8_0"));
    let unknown = Gguf::new().tensor("a", &[32], 77, 128);
    assert_eq!(facts(&unknown).quantisation.as_deref(), Some("type 77"));
    assert_eq!(facts(&unknown).bits_per_weight, None);
}

#[test]
fn the_vocabulary_is_counted_where_it_can_be() {
    let key = Gguf::new().kv("general.architecture", s("a")).kv("a.vocab_size", V::U32(7));
    assert_eq!(facts(&key).vocab_size, Some(7));
    let rows = Gguf::new().tensor("token_embd.weight", &[4, 9], 0, 144);
    assert_eq!(facts(&rows).vocab_size, Some(9));
}

#[test]
fn kinds_are_told_apart() {
    let arch =
        |name: &str| {
            Gguf::new()
                .kv("general.architecture", s(name))
                .kv(format!("{name}.block_count"), V::U32(1))
                .tensor("blk.0.a", &[8], 0, 32)
        };
    let of_type = |kind: &str| arch("llama").kv("general.type", s(kind));
    let tensor = |name: &str| Gguf::new().tensor(name, &[8], 0, 32);
    let vocabulary = Gguf::new().kv("tokenizer.ggml.model", s("gpt2"));
    let cases = [
        (arch("llama"), Kind::Text),
        (arch("qwen3").kv("qwen3.pooling_type", V::U32(3)), Kind::Embedding),
        (arch("qwen3").kv("qwen3.pooling_type", V::U32(4)), Kind::Reranker),
        (arch("llama").kv("llama.pooling_type", V::U32(0)), Kind::Text),
        (arch("bert").kv("bert.attention.causal", V::Bool(0)), Kind::Embedding),
        (arch("t5encoder"), Kind::TextEncoder),
        (arch("clip"), Kind::Projector),
        (of_type("mmproj"), Kind::Projector),
        (of_type("adapter"), Kind::Adapter),
        (of_type("imatrix"), Kind::ImportanceMatrix),
        (vocabulary.clone(), Kind::Vocabulary),
        (vocabulary.kv("split.count", V::U16(2)), Kind::Other),
        (tensor("model.diffusion_model.input_blocks.0.0.weight"), Kind::Diffusion),
        (tensor("double_blocks.0.img_mod.lin.weight"), Kind::Diffusion),
        (tensor("something"), Kind::Other),
    ];
    for (file, kind) in cases {
        assert_eq!(facts(&file).kind, kind, "{file:?}");
    }
}

#[test]
fn parts_of_a_split_model_say_so() {
    let part = Gguf::new().kv("split.no", V::U16(1)).kv("split.count", V::U16(3));
    assert_eq!(facts(&part).shard, Some(Shard { index: 1, count: 3, tensor_count: None }));
    let single = Gguf::new().kv("split.no", V::U16(0)).kv("split.count", V::U16(1));
    assert_eq!(facts(&single).shard, None);
}

#[cfg(feature = "serde")]
#[test]
fn facts_are_written_as_json() {
    let json = serde_json::to_value(facts(&model())).expect("plain data");
    assert_eq!(json["kind"], "text");
    assert_eq!(json["head_count"], 4);
    assert_eq!(json["head_count_kv"], serde_json::json!([2, 1]));
    assert_eq!(json["expert_count"], serde_json::Value::Null);
}
