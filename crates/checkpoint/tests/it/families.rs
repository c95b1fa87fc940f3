//! Families are told by the tensors that public code and documentation give their models.

use loadmaster_checkpoint::{Family, Parts, Role, Task};

use crate::{
    models::{Model, autoencoder, flux, ovis, taesd},
    unet,
};

fn told(model: &Model) -> Option<(Family, Task)> {
    let parts = Parts::of(model.checkpoint());
    parts.family().zip(parts.task())
}

/// A denoiser told by a few of its tensors, whole and alone.
fn check(tensors: &[(&str, &[u64])], expected: Family, task: Task) {
    let model = tensors.iter().fold(Model::new(), |model, (name, shape)| model.with(name, shape));
    let whole = Model::new().and("model.diffusion_model.", model.clone());
    assert_eq!(told(&whole), Some((expected, task)), "in a whole checkpoint");
    let alone = Parts::of(Model::new().with("some", &[1]).checkpoint())
        .with_checkpoint(Role::DiffusionModel, model.checkpoint());
    assert_eq!(alone.family().zip(alone.task()), Some((expected, task)), "alone");
}

#[test]
fn stable_diffusion_1() {
    assert_eq!(told(&unet::sd1(false)), Some((Family::Sd1, Task::Image)));
    assert_eq!(told(&unet::sd1(true)), Some((Family::Sd1Tiny, Task::Image)));
    let text: (&str, &[u64]) = ("input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", &[320, 768]);
    let middle: (&str, &[u64]) = ("middle_block.1.norm.weight", &[1280]);
    check(&[("input_blocks.0.0.weight", &[320, 9, 3, 3]), text, middle], Family::Sd1, Task::Inpaint);
    check(&[("input_blocks.0.0.weight", &[320, 8, 3, 3]), text, middle], Family::Sd1, Task::Edit);
    check(&[("input_blocks.0.0.weight", &[320, 4, 3, 3]), text], Family::Sdxs, Task::Image);
}

#[test]
fn stable_diffusion_2_and_xl_by_the_width_of_their_text() {
    let first: (&str, &[u64]) = ("input_blocks.0.0.weight", &[320, 4, 3, 3]);
    let middle: (&str, &[u64]) = ("middle_block.1.norm.weight", &[1280]);
    let name = "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight";
    check(&[first, middle, (name, &[640, 1024])], Family::Sd2, Task::Image);
    check(&[first, (name, &[640, 1024])], Family::Sd2Tiny, Task::Image);
    check(&[first, middle, (name, &[640, 2048])], Family::Sdxl, Task::Image);
    check(
        &[("input_blocks.0.0.weight", &[320, 9, 3, 3]), middle, (name, &[640, 2048])],
        Family::Sdxl,
        Task::Inpaint,
    );
    check(&[first, middle, (name, &[768, 1280])], Family::SdxlRefiner, Task::Image);
    check(&[first, (name, &[640, 2048])], Family::SdxlVega, Task::Image);
    let ssd = "output_blocks.3.1.transformer_blocks.1.norm1.weight";
    check(&[first, (name, &[640, 2048]), (ssd, &[640])], Family::SdxlSsd1b, Task::Image);
    let video = "input_blocks.8.0.time_mixer.mix_factor";
    check(&[first, (name, &[640, 1024]), (video, &[1])], Family::Svd, Task::Video);
}

#[test]
fn diffusers_spelling() {
    let model = Model::new()
        .with("conv_in.weight", &[320, 4, 3, 3])
        .with("down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight", &[640, 2048])
        .with("mid_block.resnets.1.conv1.weight", &[1280, 1280, 3, 3]);
    assert_eq!(told(&model), Some((Family::Sdxl, Task::Image)));
    assert_eq!(told(&Model::new().and("unet.", model)), Some((Family::Sdxl, Task::Image)));
    let model = Model::new()
        .with("x_embedder.weight", &[3072, 64])
        .with("context_embedder.weight", &[3072, 4096])
        .with("transformer_blocks.0.attn.to_q.weight", &[3072, 3072])
        .with("single_transformer_blocks.0.attn.to_q.weight", &[3072, 3072]);
    assert_eq!(told(&model), Some((Family::Flux1Schnell, Task::Image)));
    let model = model.with("time_text_embed.guidance_embedder.linear_1.weight", &[3072, 256]);
    assert_eq!(told(&model), Some((Family::Flux1Dev, Task::Image)));
}

#[test]
fn flux_and_its_relatives() {
    assert_eq!(told(&flux(3072, 1, 1, true)), Some((Family::Flux1Dev, Task::Image)));
    assert_eq!(told(&flux(3072, 1, 1, false)), Some((Family::Flux1Schnell, Task::Image)));
    assert_eq!(told(&ovis(128, 1, 0, 8)), Some((Family::OvisImage, Task::Image)));
    let block: (&str, &[u64]) = ("double_blocks.0.img_attn.qkv.weight", &[9216, 3072]);
    let guidance: (&str, &[u64]) = ("guidance_in.in_layer.weight", &[3072, 256]);
    check(&[block, guidance, ("img_in.weight", &[3072, 384])], Family::Flux1Dev, Task::Inpaint);
    check(&[block, guidance, ("img_in.weight", &[3072, 128])], Family::Flux1Dev, Task::Control);
    let modulation: (&str, &[u64]) = ("double_stream_modulation_img.lin.weight", &[18_432, 3072]);
    check(&[block, modulation], Family::Flux2Klein, Task::Image);
    let last: (&str, &[u64]) = ("single_blocks.47.linear1.weight", &[55_296, 6144]);
    check(&[block, modulation, last], Family::Flux2, Task::Image);
    let approximator: (&str, &[u64]) = ("distilled_guidance_layer.in_proj.weight", &[5120, 64]);
    check(&[block, approximator], Family::Chroma, Task::Image);
    let pixels: (&str, &[u64]) = ("nerf_final_layer_conv.conv.weight", &[3, 64, 3, 3]);
    check(&[block, approximator, pixels], Family::ChromaRadiance, Task::Image);
    check(&[block, ("txt_in.weight", &[3072, 3584])], Family::LongCat, Task::Image);
}

#[test]
fn other_transformers() {
    let image: &[(&str, Family)] = &[
        ("joint_blocks.0.context_block.attn.qkv.weight", Family::Sd3),
        ("transformer_blocks.0.img_mod.1.weight", Family::QwenImage),
        ("net.llm_adapter.blocks.0.cross_attn.q_proj.weight", Family::Anima),
        ("cap_embedder.0.weight", Family::ZImage),
        ("layers.0.adaLN_sa_ln.weight", Family::ErnieImage),
    ];
    for (name, family) in image {
        check(&[(name, &[64, 64])], *family, Task::Image);
    }
    check(&[("blocks.0.cross_attn.norm_k.weight", &[1536])], Family::Wan, Task::Video);
    let pixart: &[(&str, &[u64])] = &[
        ("adaln_single.linear.weight", &[6912, 1152]),
        ("caption_projection.linear_1.weight", &[1152, 4096]),
    ];
    check(pixart, Family::PixArt, Task::Image);
}

#[test]
fn parts_alone_are_no_family() {
    for model in [autoencoder(4, true), taesd(4), Model::new().with("lora_unet_x.lora_down.weight", &[4, 4])]
    {
        assert_eq!(told(&model), None);
    }
    assert_eq!(Parts::of(autoencoder(4, true).checkpoint()).main_role(), Some(Role::Vae));
    assert_eq!(told(&Model::new()), None);
}

#[test]
fn every_family_has_defaults_that_it_can_paint() {
    for family in Family::ALL {
        let defaults = family.defaults();
        assert!(defaults.side % defaults.multiple == 0 && defaults.steps > 0, "{family}");
        assert!(defaults.cfg_scale >= 1.0 && !defaults.source.is_empty(), "{family}");
        assert_eq!(serde_json::to_value(family).unwrap(), family.as_str());
    }
}
