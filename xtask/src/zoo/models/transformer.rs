//! What the transformers share: their dimensions, embeddings, attention and feed-forward networks.

use super::super::sheet::Sheet;

/// The dimensions of a transformer, under the names of llama.cpp's metadata.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dimensions {
    pub(super) context: u64,
    pub(super) blocks: u64,
    pub(super) embedding: u64,
    pub(super) feed_forward: u64,
    pub(super) heads: u64,
    pub(super) heads_kv: u64,
    /// Elements of a head.
    pub(super) head: u64,
    pub(super) tokens: u64,
}

impl Dimensions {
    pub(super) fn query(&self) -> u64 {
        self.heads * self.head
    }

    pub(super) fn key(&self) -> u64 {
        self.heads_kv * self.head
    }

    pub(super) fn describe(&self, sheet: &mut Sheet) {
        sheet.set_u32("block_count", self.blocks);
        sheet.set_u32("context_length", self.context);
        sheet.set_u32("embedding_length", self.embedding);
        sheet.set_u32("feed_forward_length", self.feed_forward);
        sheet.set_u32("attention.head_count", self.heads);
        sheet.set_u32("attention.head_count_kv", self.heads_kv);
    }

    /// The length of heads, for models that cannot leave it to `embedding / heads`.
    pub(super) fn describe_heads(&self, sheet: &mut Sheet) {
        sheet.set_u32("attention.key_length", self.head);
        sheet.set_u32("attention.value_length", self.head);
    }

    pub(super) fn token_embeddings(&self, sheet: &mut Sheet) {
        sheet.tensor("token_embd.weight", &[self.embedding, self.tokens]);
        sheet.tensor("output_norm.weight", &[self.embedding]);
    }

    /// The output layer, for models that do not use the token embeddings for it.
    pub(super) fn output(&self, sheet: &mut Sheet) {
        sheet.tensor("output.weight", &[self.embedding, self.tokens]);
    }

    /// Attention with separate query, key and value, and the norm before it.
    pub(super) fn attention(&self, sheet: &mut Sheet, layer: u64) {
        sheet.block(layer, "attn_norm.weight", &[self.embedding]);
        sheet.block(layer, "attn_q.weight", &[self.embedding, self.query()]);
        sheet.block(layer, "attn_k.weight", &[self.embedding, self.key()]);
        sheet.block(layer, "attn_v.weight", &[self.embedding, self.key()]);
        sheet.block(layer, "attn_output.weight", &[self.query(), self.embedding]);
    }

    pub(super) fn attention_biases(&self, sheet: &mut Sheet, layer: u64) {
        sheet.block(layer, "attn_q.bias", &[self.query()]);
        sheet.block(layer, "attn_k.bias", &[self.key()]);
        sheet.block(layer, "attn_v.bias", &[self.key()]);
    }

    /// Norms of each head's query and key.
    pub(super) fn head_norms(&self, sheet: &mut Sheet, layer: u64) {
        sheet.block(layer, "attn_q_norm.weight", &[self.head]);
        sheet.block(layer, "attn_k_norm.weight", &[self.head]);
    }

    pub(super) fn feed_forward_norm(&self, sheet: &mut Sheet, layer: u64) {
        sheet.block(layer, "ffn_norm.weight", &[self.embedding]);
    }

    /// A gated feed-forward network, without the norm before it.
    pub(super) fn gated(&self, sheet: &mut Sheet, layer: u64) {
        gated(sheet, layer, "", &[self.embedding, self.feed_forward]);
    }
}

/// Experts of which a router chooses some for each token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Experts {
    pub(super) count: u64,
    pub(super) used: u64,
    /// The hidden elements of one expert.
    pub(super) feed_forward: u64,
}

impl Experts {
    pub(super) fn describe(&self, sheet: &mut Sheet) {
        sheet.set_u32("expert_count", self.count);
        sheet.set_u32("expert_used_count", self.used);
    }

    /// The router and the experts, without the norm before them.
    pub(super) fn tensors(&self, sheet: &mut Sheet, layer: u64, embedding: u64) {
        sheet.block(layer, "ffn_gate_inp.weight", &[embedding, self.count]);
        gated(sheet, layer, "_exps", &[embedding, self.feed_forward, self.count]);
    }
}

/// Gate, up and down of a network with the shape `[embedding, hidden, ..]`.
pub(super) fn gated(sheet: &mut Sheet, layer: u64, suffix: &str, shape: &[u64]) {
    let mut back = shape.to_vec();
    back.swap(0, 1);
    sheet.block(layer, &format!("ffn_gate{suffix}.weight"), shape);
    sheet.block(layer, &format!("ffn_up{suffix}.weight"), shape);
    sheet.block(layer, &format!("ffn_down{suffix}.weight"), &back);
}
