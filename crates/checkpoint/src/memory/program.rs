//! The program itself, and how the phases follow each other in it.

use super::{Ask, Basis, Phase, PhaseMemory, Usage, decoder, denoiser, text, weights};
use crate::{family::Family, parts::Parts, role::Role};

const ENCODERS: &[Role] =
    &[Role::ClipL, Role::ClipG, Role::ClipVision, Role::T5xxl, Role::Llm, Role::LlmVision];
const DENOISERS: &[Role] = &[Role::DiffusionModel, Role::HighNoiseDiffusionModel];

/// All phases, and the peaks that follow.
pub(super) fn schedule(parts: &Parts, family: Family, ask: &Ask) -> PhaseMemory {
    let host = |host| Usage { host, device: 0 };
    let (decoder_weights, encoder_weights) = weights::of_autoencoder(parts, ask);
    let text = Phase {
        weights: host(weights::of_roles(parts, ENCODERS, ask)),
        compute: host(text::compute(parts, family)),
    };
    let denoiser = Phase {
        weights: host(weights::of_roles(parts, DENOISERS, ask)),
        compute: host(denoiser::compute(parts, family, ask)),
    };
    let decoder = Phase { weights: host(decoder_weights), compute: host(decoder::compute(parts, ask)) };
    let encoder = Phase { weights: host(encoder_weights), compute: host(0) };
    let program = host(57 << 20);
    let all = text.weights.host + denoiser.weights.host + decoder.weights.host;
    let one_shot = [
        program.host + all + text.compute.host,
        program.host + denoiser.weights.host + decoder.weights.host + denoiser.compute.host,
        program.host + decoder.weights.host + decoder.compute.host,
    ];
    let one_shot = one_shot.into_iter().max().unwrap_or(0);
    let buffers = text.compute.host.max(denoiser.compute.host).max(decoder.compute.host);
    let idle = program.host + all + encoder.weights.host;
    PhaseMemory {
        text,
        denoiser,
        decoder,
        encoder,
        program,
        one_shot: host(one_shot),
        resident: host(idle + buffers),
        idle: host(idle),
        basis: Basis::Estimated,
    }
}
