//! Any header and any settings give a prediction, the same each time, whose parts add up.
//!
//! The first bytes of an input are the settings, then one says what the rest is: a file, or records
//! that a header is made of, which finds architectures and layers much faster than bytes do.
#![no_main]

mod bytes;
mod records;
mod settings;

#[path = "../../../tests/it/memory/names.rs"]
mod names;
#[expect(dead_code, reason = "the writer of the tests can do more than is needed here")]
#[path = "../../../tests/it/writer.rs"]
mod writer;

use libfuzzer_sys::fuzz_target;
use loadmaster_gguf::{
    Header, MAX_LAYERS, Parsed,
    memory::{Adapter, Load, MemoryModel, Part, Projector, Usage, predict},
};

use bytes::Bytes;

fuzz_target!(|input: &[u8]| {
    let mut bytes = Bytes(input);
    let mut load = settings::load(&mut bytes);
    let (adapters, from_records) = (bytes.byte() % 4, bytes.flag());
    let made;
    let file = if from_records {
        made = records::file(&mut bytes);
        &made[..]
    } else {
        bytes.0
    };
    let Ok(Parsed::Complete(header)) = Header::from_prefix(file, None) else { return };
    let adapter = Adapter::of(&header);
    assert_eq!(adapter, Adapter::of(&header));
    load.adapters = vec![adapter; adapters.into()];

    let model = MemoryModel::of(&header);
    assert!(model.layer_count() <= MAX_LAYERS);
    let _ = model.is_verified();
    let usage = model.predict(&load);
    assert_eq!(usage, predict(&header, &load), "not the same each time");
    check(&usage, &load);

    let projector = Projector::of(&header).predict();
    assert_eq!(projector, Projector::of(&header).predict(), "not the same each time");
    check_part(&projector);
});

fn check(usage: &Usage, load: &Load) {
    assert_eq!(usage.devices.len(), load.devices.len());
    let parts = || usage.devices.iter().chain([&usage.host]);
    parts().for_each(check_part);
    let total = parts().map(|part| u128::from(part.total())).sum::<u128>();
    assert_eq!(usage.total(), saturated(total));
    for device in &usage.devices {
        assert_eq!((device.mapped, device.mapped_span, device.repacked, device.output), (0, 0, 0, 0));
    }
    if !load.mmap {
        assert_eq!((usage.host.mapped, usage.host.mapped_span), (0, 0));
    }
    if load.adapters.is_empty() {
        assert!(parts().all(|part| part.adapters == 0));
    }
}

fn check_part(part: &Part) {
    let Part { weights, mapped, repacked, adapters, kv_cache, recurrent_state, compute, output, .. } = *part;
    assert!(mapped.saturating_add(repacked) <= weights, "more than all weights");
    let terms = [weights, adapters, kv_cache, recurrent_state, compute, output];
    assert_eq!(part.total(), saturated(terms.into_iter().map(u128::from).sum()));
    assert_eq!(part.plus(&Part::default()), *part);
    assert!(part.plus(part).total() >= part.total());
}

fn saturated(sum: u128) -> u64 {
    u64::try_from(sum).unwrap_or(u64::MAX)
}
