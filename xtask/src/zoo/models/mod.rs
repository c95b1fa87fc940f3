//! The models of the zoo, a family a file, from their published hyperparameters.

mod deepseek;
mod gemma;
mod gemma_edge;

mod gpt_oss;
mod granite;
mod hybrids;
mod llama;
mod mamba;
mod mixtures;
mod nomic;
mod phi;
mod qwen;
mod qwen_next;
mod rwkv;
mod starcoder;
mod transformer;

use super::sheet::Sheet;

/// The name of a model's file, and how to make its sheet.
type Model = (&'static str, fn() -> Sheet);

/// Every model.
pub(super) const ALL: &[Model] = &[
    ("llama-2-7b", llama::llama_2_7b),
    ("llama-2-13b", llama::llama_2_13b),
    ("llama-2-70b", llama::llama_2_70b),
    ("llama-3.1-8b", llama::llama_3_1_8b),
    ("llama-3.2-1b", llama::llama_3_2_1b),
    ("mistral-nemo-12b", llama::mistral_nemo_12b),
    ("mixtral-8x7b", llama::mixtral_8x7b),
    ("qwen2.5-7b", qwen::qwen2_5_7b),
    ("qwen3-8b", qwen::qwen3_8b),
    ("qwen3-30b-a3b", qwen::qwen3_30b_a3b),
    ("gemma-2-9b", gemma::gemma_2_9b),
    ("gemma-3-12b", gemma::gemma_3_12b),
    ("phi-3-mini", phi::phi_3_mini),
    ("gpt-oss-20b", gpt_oss::gpt_oss_20b),
    ("deepseek-v2-lite", deepseek::deepseek_v2_lite),
    ("mamba-2.8b", mamba::mamba_2_8b),
    ("starcoder2-7b", starcoder::starcoder2_7b),
    ("granite-4.0-h-tiny", granite::granite_4_0_h_tiny),
    ("gemma-3n-e2b", gemma_edge::gemma_3n_e2b),
    ("gemma-4-e2b", gemma_edge::gemma_4_e2b),
    ("deepseek-v3", deepseek::deepseek_v3),
    ("llama-4-scout", mixtures::llama_4_scout),
    ("glm-4.5-air", mixtures::glm_4_5_air),
    ("qwen3-next-80b-a3b", qwen_next::qwen3_next_80b_a3b),
    ("rwkv-7-2.9b", rwkv::rwkv_7_2_9b),
    ("lfm2-1.2b", hybrids::lfm2_1_2b),
    ("nemotron-nano-9b-v2", hybrids::nemotron_nano_9b_v2),
    ("nomic-embed-text-v1.5", nomic::nomic_embed_text),
];
