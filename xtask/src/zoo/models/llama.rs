//! Llama 2 and 3, Mistral and Mixtral: one architecture, `llama`.

use super::super::sheet::Sheet;
use super::super::vocabulary::Vocabulary;
use super::transformer::{Dimensions, Experts};

struct Llama {
    title: &'static str,
    dimensions: Dimensions,
    rope_base: f32,
    /// The output layer is the token embeddings.
    tied: bool,
    /// Llama 3.1 and later scale each rotary frequency by a tensor.
    frequencies: bool,
    experts: Option<Experts>,
    /// The pre-tokenizer; none for `SentencePiece`.
    pre: Option<&'static str>,
}

const LLAMA_2_7B: Llama = Llama {
    title: "Llama 2 7B Chat",
    dimensions: Dimensions {
        context: 4096,
        blocks: 32,
        embedding: 4096,
        feed_forward: 11008,
        heads: 32,
        heads_kv: 32,
        head: 128,
        tokens: 32000,
    },
    rope_base: 10000.0,
    tied: false,
    frequencies: false,
    experts: None,
    pre: None,
};

const LLAMA_3_1_8B: Llama = Llama {
    title: "Llama 3.1 8B Instruct",
    dimensions: Dimensions {
        context: 131_072,
        blocks: 32,
        embedding: 4096,
        feed_forward: 14336,
        heads: 32,
        heads_kv: 8,
        head: 128,
        tokens: 128_256,
    },
    rope_base: 500_000.0,
    tied: false,
    frequencies: true,
    experts: None,
    pre: Some("llama-bpe"),
};

pub(super) fn llama_2_7b() -> Sheet {
    LLAMA_2_7B.sheet()
}

pub(super) fn llama_2_13b() -> Sheet {
    let dimensions = Dimensions {
        blocks: 40,
        embedding: 5120,
        feed_forward: 13824,
        heads: 40,
        heads_kv: 40,
        ..LLAMA_2_7B.dimensions
    };
    Llama { title: "Llama 2 13B Chat", dimensions, ..LLAMA_2_7B }.sheet()
}

pub(super) fn llama_2_70b() -> Sheet {
    let dimensions = Dimensions {
        blocks: 80,
        embedding: 8192,
        feed_forward: 28672,
        heads: 64,
        heads_kv: 8,
        ..LLAMA_2_7B.dimensions
    };
    Llama { title: "Llama 2 70B Chat", dimensions, ..LLAMA_2_7B }.sheet()
}

pub(super) fn llama_3_1_8b() -> Sheet {
    LLAMA_3_1_8B.sheet()
}

pub(super) fn llama_3_2_1b() -> Sheet {
    let dimensions =
        Dimensions { blocks: 16, embedding: 2048, feed_forward: 8192, head: 64, ..LLAMA_3_1_8B.dimensions };
    Llama { title: "Llama 3.2 1B Instruct", dimensions, tied: true, ..LLAMA_3_1_8B }.sheet()
}

pub(super) fn mistral_nemo_12b() -> Sheet {
    let dimensions = Dimensions {
        context: 1_024_000,
        blocks: 40,
        embedding: 5120,
        feed_forward: 14336,
        heads: 32,
        heads_kv: 8,
        head: 128,
        tokens: 131_072,
    };
    Llama {
        title: "Mistral Nemo Instruct 2407",
        dimensions,
        rope_base: 1_000_000.0,
        pre: Some("tekken"),
        ..LLAMA_2_7B
    }
    .sheet()
}

pub(super) fn mixtral_8x7b() -> Sheet {
    let dimensions = Dimensions { context: 32768, feed_forward: 14336, heads_kv: 8, ..LLAMA_2_7B.dimensions };
    let experts = Some(Experts { count: 8, used: 2, feed_forward: 14336 });
    Llama { title: "Mixtral 8x7B Instruct v0.1", dimensions, rope_base: 1_000_000.0, experts, ..LLAMA_2_7B }
        .sheet()
}

impl Llama {
    fn sheet(&self) -> Sheet {
        let dimensions = &self.dimensions;
        let mut sheet = Sheet::new(self.title, "llama");
        dimensions.describe(&mut sheet);
        sheet.set_u32("rope.dimension_count", dimensions.head);
        sheet.set_f32("rope.freq_base", self.rope_base);
        sheet.set_f32("attention.layer_norm_rms_epsilon", 1e-5);
        if dimensions.query() != dimensions.embedding {
            dimensions.describe_heads(&mut sheet);
        }
        if let Some(experts) = &self.experts {
            experts.describe(&mut sheet);
        }
        sheet.set_u32("vocab_size", dimensions.tokens);
        let tokens = dimensions.tokens;
        sheet.vocabulary(match self.pre {
            Some(pre) => Vocabulary::BytePairs { tokens, pre },
            None => Vocabulary::SentencePiece { tokens },
        });
        self.tensors(&mut sheet);
        sheet
    }

    fn tensors(&self, sheet: &mut Sheet) {
        let dimensions = &self.dimensions;
        dimensions.token_embeddings(sheet);
        if !self.tied {
            dimensions.output(sheet);
        }
        if self.frequencies {
            sheet.tensor("rope_freqs.weight", &[dimensions.head / 2]);
        }
        for layer in 0..dimensions.blocks {
            dimensions.attention(sheet, layer);
            dimensions.feed_forward_norm(sheet, layer);
            match &self.experts {
                Some(experts) => experts.tensors(sheet, layer, dimensions.embedding),
                None => dimensions.gated(sheet, layer),
            }
        }
    }
}
