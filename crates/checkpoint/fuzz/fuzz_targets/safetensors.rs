//! Any bytes give a header or an error, and everything that a model can be asked is safe.
//!
//! The input is the header's JSON, with its length put before it: a fuzzer would not find the length by itself.
//! Two bytes before it choose the size that is asked for and the settings; the rest of the length is theirs too, so
//! that wrong lengths are tried.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loadmaster_checkpoint::{
    Checkpoint, Parts, Role, Runs, SafetensorsHeader,
    memory::{self, Ask, Gpu, Source},
};

fuzz_target!(|input: &[u8]| {
    let _ = SafetensorsHeader::parse(input, Some(input.len() as u64));
    let Some((&[size, settings], json)) = input.split_first_chunk::<2>() else { return };
    let mut file = (json.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(json);
    match SafetensorsHeader::parse(&file, None) {
        Err(error) => assert!(!error.to_string().contains('\n')),
        Ok(header) => {
            let _ = (header.shared_bytes(), header.element_count(), header.main_type());
            judge(Checkpoint::of_safetensors(header), size, settings);
        }
    }
});

fn judge(file: Checkpoint, size: u8, settings: u8) {
    let _ = file.contents();
    let bit = |bit: u8| settings >> bit & 1 == 1;
    let ask = Ask {
        flash_attention: bit(0),
        vae_tiling: bit(1),
        vae_conv_direct: bit(2),
        mmap: bit(3),
        source: if bit(4) { Source::Picture } else { Source::Text },
        gpu: bit(5).then(|| Gpu { offload_to_cpu: bit(6), clip_on_cpu: bit(7), ..Gpu::default() }),
        ..Ask::of(u32::from(size) << 8, 1 << (size & 31))
    };
    let alone = Parts::of(file.clone());
    let with = alone.clone().with_checkpoint(Role::Vae, file);
    for parts in [alone, with] {
        let _ = (parts.roles(), parts.task(), parts.weaker_without());
        for runs in [Runs::OneShot, Runs::Resident] {
            for missing in parts.missing(runs) {
                assert!(!missing.to_string().is_empty());
            }
        }
        match memory::peak(&parts, &ask) {
            Err(_) => assert!(parts.family().is_none()),
            Ok(memory) => {
                assert!(memory.resident.host >= memory.idle.host && memory.resident.device >= memory.idle.device);
                assert_eq!(memory, memory::peak(&parts, &ask).expect("it was told once"));
            }
        }
    }
}
