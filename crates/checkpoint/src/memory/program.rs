//! The program itself, and how the phases follow each other in it.
//!
//! `sd-cli` frees the weights of a phase when it is over, so that its peak is that of its largest moment:
//! loaded with the encoders at work, the denoiser at work, the decoder at work. `sd-server` frees none.
//! The program's own bytes were measured with glibc's allocator told to give memory back
//! (`MALLOC_ARENA_MAX=1`, `MALLOC_MMAP_THRESHOLD_=1048576`, `MALLOC_TRIM_THRESHOLD_=1048576`) and
//! `OMP_WAIT_POLICY=passive`; without these they are 10 to 50 MiB more.

use super::{Ask, Basis, Gpu, Phase, PhaseMemory, Source, Usage, decoder, denoiser, text, weights};
use crate::{family::Family, parts::Parts, role::Role};

const MIB: u64 = 1 << 20;

const ENCODERS: &[Role] =
    &[Role::ClipL, Role::ClipG, Role::ClipVision, Role::T5xxl, Role::Llm, Role::LlmVision];
const DENOISERS: &[Role] = &[Role::DiffusionModel, Role::HighNoiseDiffusionModel];

/// Main memory that a driver takes in the process of a program that uses a graphics card, and the card's
/// memory that its context takes: upper estimates, not measured here.
const DRIVER: Usage = Usage { host: 300 * MIB, device: 400 * MIB };

/// Bytes for each pixel of the picture beside the buffers: as floats, as bytes and as a file. Measured: 19 to 21.
const PIXEL: u64 = 20;

/// Where the parts are held and computed.
#[derive(Clone, Copy)]
struct Placement(Option<Gpu>);

#[derive(Clone, Copy)]
enum Part {
    Text,
    Denoiser,
    ControlNet,
    Autoencoder,
}

impl Placement {
    fn on_host(self, part: Part) -> bool {
        self.0.is_none_or(|gpu| match part {
            Part::Text => gpu.clip_on_cpu,
            Part::Denoiser => false,
            Part::ControlNet => gpu.control_net_on_cpu,
            Part::Autoencoder => gpu.vae_on_cpu,
        })
    }

    /// Where bytes lie that the part computes with.
    fn computed(self, part: Part, bytes: u64) -> Usage {
        if self.on_host(part) { Usage { host: bytes, device: 0 } } else { Usage { host: 0, device: bytes } }
    }

    /// Where weights lie while the part does nothing.
    fn waiting(self, part: Part, bytes: u64) -> Usage {
        let offloaded = self.0.is_some_and(|gpu| gpu.offload_to_cpu);
        if offloaded { Usage { host: bytes, device: 0 } } else { self.computed(part, bytes) }
    }

    /// Where weights lie while the part works: offloaded ones are on the card too.
    fn working(self, part: Part, bytes: u64) -> Usage {
        let waiting = self.waiting(part, bytes);
        Usage { device: waiting.device.max(self.computed(part, bytes).device), ..waiting }
    }
}

/// All phases, and the peaks that follow.
pub(super) fn schedule(parts: &Parts, family: Family, ask: &Ask) -> PhaseMemory {
    let placement = Placement(ask.gpu);
    let bytes = Bytes::of(parts, family, ask);
    let phase = |part, weights, compute| Phase {
        weights: placement.working(part, weights),
        compute: placement.computed(part, compute),
    };
    let program = program(family, ask);
    let control = phase(Part::ControlNet, bytes.control, 0).weights;
    let mut denoiser = phase(Part::Denoiser, bytes.denoiser, bytes.denoiser_compute);
    denoiser.weights = denoiser.weights.plus(control);
    let memory = PhaseMemory {
        text: phase(Part::Text, bytes.text, bytes.text_compute),
        denoiser,
        decoder: phase(Part::Autoencoder, bytes.decoder, bytes.decoder_compute),
        encoder: phase(Part::Autoencoder, bytes.encoder, bytes.encoder_compute),
        program,
        one_shot: Usage::default(),
        resident: Usage::default(),
        idle: Usage::default(),
        basis: basis(family, ask),
    };
    let moments = Moments { placement, bytes: &bytes, program, ask };
    let mut one_shot = moments.one_shot();
    let (mut resident, idle) = moments.resident();
    // While it is loaded, tensors that are converted are there twice, and a mapped file counts as resident.
    let loading = program.plus(moments.all_waiting(true)).plus(Usage::host(bytes.loading));
    let loading_server = program.plus(moments.all_waiting(false)).plus(Usage::host(bytes.loading));
    one_shot = one_shot.most(loading);
    resident = resident.most(loading_server);
    PhaseMemory { one_shot, resident, idle, ..memory }
}

/// Bytes of each part, wherever they lie.
struct Bytes {
    text: u64,
    text_compute: u64,
    denoiser: u64,
    denoiser_compute: u64,
    /// What the CPU needs beside the buffer to multiply; stays for as long as the program does.
    work: u64,
    control: u64,
    decoder: u64,
    decoder_compute: u64,
    encoder: u64,
    encoder_compute: u64,
    loras: u64,
    loading: u64,
    pixels: u64,
}

impl Bytes {
    fn of(parts: &Parts, family: Family, ask: &Ask) -> Self {
        let (decoder, encoder) = weights::of_autoencoder(parts, ask);
        let control = weights::of_roles(parts, &[Role::ControlNet], ask);
        let mut denoiser_compute = denoiser::compute(parts, family, ask);
        if control > 0 {
            // A ControlNet is the first half of a UNet, and works before it: an upper estimate.
            denoiser_compute = denoiser_compute.saturating_add(denoiser_compute / 2);
        }
        Self {
            text: weights::of_roles(parts, ENCODERS, ask),
            text_compute: text::compute(parts),
            denoiser: weights::of_roles(parts, DENOISERS, ask),
            denoiser_compute,
            work: denoiser::work(parts, family, ask),
            control,
            decoder,
            decoder_compute: decoder::decode(parts, family, ask),
            encoder,
            encoder_compute: if ask.source == Source::Picture {
                decoder::encode(parts, family, ask)
            } else {
                0
            },
            // Read into a buffer of their own, and multiplied out in another: an upper estimate.
            loras: ask.loras.saturating_mul(2),
            loading: weights::while_loading(parts, ask),
            pixels: ask.pixels(8).saturating_mul(PIXEL),
        }
    }
}

/// The moments that can be the largest.
struct Moments<'a> {
    placement: Placement,
    bytes: &'a Bytes,
    program: Usage,
    ask: &'a Ask,
}

impl Moments<'_> {
    fn waiting(&self, part: Part, bytes: u64) -> Usage {
        self.placement.waiting(part, bytes)
    }

    fn working(&self, part: Part, bytes: u64) -> Usage {
        self.placement.working(part, bytes)
    }

    fn computed(&self, part: Part, bytes: u64) -> Usage {
        self.placement.computed(part, bytes)
    }

    /// The autoencoder's weights: `sd-cli` leaves the encoder out where there is no picture to encode.
    fn autoencoder(&self, one_shot: bool) -> u64 {
        let leaves_out = one_shot && self.ask.source == Source::Text;
        if leaves_out { self.bytes.decoder } else { self.bytes.decoder.saturating_add(self.bytes.encoder) }
    }

    fn all_waiting(&self, one_shot: bool) -> Usage {
        self.waiting(Part::Text, self.bytes.text)
            .plus(self.waiting(Part::Denoiser, self.bytes.denoiser))
            .plus(self.waiting(Part::ControlNet, self.bytes.control))
            .plus(self.waiting(Part::Autoencoder, self.autoencoder(one_shot)))
    }

    fn one_shot(&self) -> Usage {
        let bytes = self.bytes;
        let work = Usage::host(bytes.work);
        let autoencoder = self.autoencoder(true);
        let waiting_autoencoder = self.waiting(Part::Autoencoder, autoencoder);
        let loras = self.computed(Part::Denoiser, bytes.loras);
        let text = self
            .all_waiting(true)
            .most(
                self.waiting(Part::Denoiser, bytes.denoiser)
                    .plus(waiting_autoencoder)
                    .plus(self.working(Part::Text, bytes.text)),
            )
            .plus(self.computed(Part::Text, bytes.text_compute))
            .plus(loras);
        let encoding = self
            .all_waiting(true)
            .plus(self.computed(Part::Autoencoder, bytes.encoder_compute))
            .plus(self.copied(Part::Autoencoder, autoencoder));
        let denoising = self
            .working(Part::Denoiser, bytes.denoiser)
            .plus(self.working(Part::ControlNet, bytes.control))
            .plus(waiting_autoencoder)
            .plus(self.computed(Part::Denoiser, bytes.denoiser_compute))
            .plus(loras)
            .plus(work);
        let decoding = self
            .working(Part::Autoencoder, autoencoder)
            .plus(self.computed(Part::Autoencoder, bytes.decoder_compute))
            .plus(work)
            .plus(Usage::host(bytes.pixels));
        text.most(encoding).most(denoising).most(decoding).plus(self.program)
    }

    /// The peak, and what stays between images.
    fn resident(&self) -> (Usage, Usage) {
        let bytes = self.bytes;
        let autoencoder = self.autoencoder(false);
        let idle = self.program.plus(self.all_waiting(false)).plus(Usage::host(bytes.work));
        let busy = |part, weights, compute| self.computed(part, compute).plus(self.copied(part, weights));
        let loras = self.computed(Part::Denoiser, bytes.loras);
        let peak = busy(Part::Text, bytes.text, bytes.text_compute)
            .most(busy(Part::Autoencoder, autoencoder, bytes.encoder_compute))
            .most(busy(Part::Denoiser, bytes.denoiser, bytes.denoiser_compute).plus(loras))
            .most(
                busy(Part::Autoencoder, autoencoder, bytes.decoder_compute).plus(Usage::host(bytes.pixels)),
            );
        (idle.plus(peak), idle)
    }

    /// What a part that is offloaded has on the card while it works, beside its weights in main memory.
    fn copied(&self, part: Part, bytes: u64) -> Usage {
        let (waiting, working) = (self.waiting(part, bytes), self.working(part, bytes));
        Usage { host: 0, device: working.device.saturating_sub(waiting.device) }
    }
}

/// The program, its tokenizers' tables, and the driver of a card.
fn program(family: Family, ask: &Ask) -> Usage {
    let tokenizer = match family {
        // Qwen's; measured with Ovis-Image.
        Family::OvisImage
        | Family::QwenImage
        | Family::ZImage
        | Family::Flux2Klein
        | Family::Anima
        | Family::LongCat => 44,
        // T5's, which is loaded without the encoder too; measured with FLUX.1.
        Family::Flux1Dev
        | Family::Flux1Schnell
        | Family::Sd3
        | Family::Chroma
        | Family::ChromaRadiance
        | Family::PixArt => 12,
        // Mistral's and UMT5's vocabularies are larger: upper estimates.
        Family::Flux2 | Family::ErnieImage => 64,
        Family::Wan => 100,
        // CLIP's is in the measured program.
        _ => 0,
    };
    let program = Usage::host((36 + tokenizer) * MIB);
    if ask.gpu.is_some() { program.plus(DRIVER) } else { program }
}

fn basis(family: Family, ask: &Ask) -> Basis {
    let measured = matches!(
        family,
        Family::Sd1 | Family::Sd1Tiny | Family::OvisImage | Family::Flux1Dev | Family::Flux1Schnell
    );
    let plain = ask.gpu.is_none() && ask.loras == 0 && ask.source == Source::Text;
    match family {
        _ if measured && plain => Basis::Measured,
        Family::Sd1
        | Family::Sd1Tiny
        | Family::Sd2
        | Family::Sdxl
        | Family::Flux1Dev
        | Family::Flux1Schnell => Basis::Counted,
        _ => Basis::Estimated,
    }
}
