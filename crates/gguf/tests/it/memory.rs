//! The memory model: against what llama-server reported, and against anything.

mod engine;
mod hostile;
mod maker;
mod models;
mod names;
mod sketches;
mod vulkan;

use loadmaster_gguf::memory::{Accelerator, Load, MemoryModel, Override, Part, Usage};

use self::{
    engine::{Buffers, ROWS, Row},
    models::Model,
};

const MIB: u64 = 1 << 20;

fn load_of(row: &Row) -> Load {
    Load {
        context_length: row.context,
        parallel: row.slots,
        gpu_layers: row.gpu_layers,
        flash_attention: row.flash_attention,
        cache_type_k: row.cache,
        cache_type_v: row.cache,
        devices: row.device.iter().map(|_| 1.0).collect(),
        ..Load::default()
    }
}

#[expect(clippy::cast_precision_loss, reason = "compared to a hundredth of a MiB")]
fn check(part: &Part, reported: Buffers, of: &str) {
    let Buffers(weights, cache, compute) = reported;
    assert_eq!(part.weights / MIB, weights, "weights of {of}");
    assert_eq!((part.kv_cache + part.recurrent_state) / MIB, cache, "cache of {of}");
    let predicted = part.compute as f64 / MIB as f64;
    assert!((predicted - compute).abs() < 0.02, "{predicted} MiB of compute buffer of {of}");
}

#[test]
fn predicts_what_the_server_reports() {
    for row in ROWS {
        let usage = MemoryModel::of(&row.model.header()).predict(&load_of(row));
        check(&usage.host, row.host, &format!("the host, {row:?}"));
        if let Some(reported) = row.device {
            check(&usage.devices[0], reported, &format!("the device, {row:?}"));
        }
    }
}

#[test]
fn predicts_what_the_server_reports_of_vulkan() {
    for row in vulkan::ROWS {
        let accelerator = Accelerator::vulkan(128 * MIB);
        let load = Load { accelerator, dry_run: true, ..load_of(row) };
        let usage = MemoryModel::of(&row.model.header()).predict(&load);
        check(&usage.host, row.host, &format!("the host, {row:?}"));
        if let Some(reported) = row.device {
            check(&usage.devices[0], reported, &format!("the device, {row:?}"));
        }
    }
}

fn predict(model: Model, load: &Load) -> Usage {
    MemoryModel::of(&model.header()).predict(load)
}

#[test]
fn more_context_never_takes_less() {
    for model in Model::ALL {
        for flash_attention in [true, false] {
            let total = |context_length| {
                predict(model, &Load { context_length, flash_attention, ..Load::default() }).total()
            };
            let totals: Vec<u64> = (8..17).map(|power| total(1 << power)).collect();
            assert!(totals.is_sorted(), "{model:?}: {totals:?}");
        }
    }
}

#[test]
fn offloading_moves_bytes_and_loses_none() {
    for model in Model::ALL {
        let memory = MemoryModel::of(&model.header());
        let at = |gpu_layers| {
            let load = Load { gpu_layers, devices: vec![2.0, 1.0], ..Load::default() };
            let usage = memory.predict(&load);
            let all = || usage.devices.iter().chain([&usage.host]);
            let weights: u64 = all().map(|part| part.weights).sum();
            let states: u64 = all().map(|part| part.kv_cache + part.recurrent_state).sum();
            (weights, states, usage.host.weights)
        };
        let (weights, states, mut on_host) = at(0);
        for gpu_layers in 1..=memory.layer_count() as u64 + 2 {
            let (now, states_now, on_host_now) = at(gpu_layers);
            // Tied embeddings are loaded a second time.
            assert!(now >= weights && now - weights < weights, "{model:?} at {gpu_layers}");
            assert_eq!(states_now, states, "{model:?} at {gpu_layers}");
            assert!(on_host_now <= on_host, "{model:?} at {gpu_layers}");
            on_host = on_host_now;
        }
    }
}

#[test]
fn experts_stay_on_the_host_when_asked_to() {
    let load =
        |cpu_moe_layers| Load { gpu_layers: 99, devices: vec![1.0], cpu_moe_layers, ..Load::default() };
    let device = |layers| predict(Model::Experts, &load(layers)).devices[0].weights;
    // Three matrices of 128 experts, 8.5 bits an element; the first layer has none.
    let layer = 3 * 128 * 4096 * 1408 / 32 * 34;
    assert_eq!(device(0) - device(2), layer);
    assert_eq!(device(0) - device(u64::MAX), 5 * layer);
}

#[test]
fn a_window_bounds_the_cache_and_the_full_case_does_not() {
    let cache = |swa_full, context_length| {
        predict(Model::Window, &Load { swa_full, context_length, ..Load::default() }).host.kv_cache
    };
    // 8 heads of 128, keys and values, 2 bytes each; 6 of 8 layers slide over 4096 tokens and a batch.
    let token = 8 * 128 * 2 * 2;
    assert_eq!(cache(false, 32_768), token * (2 * 32_768 + 6 * (4096 + 512)));
    assert_eq!(cache(true, 32_768), token * 8 * 32_768);
}

#[test]
fn an_unknown_architecture_is_predicted_and_said_to_be() {
    let (known, unheard) = (Model::Dense.header(), Model::Unheard.header());
    let (known, unheard) = (MemoryModel::of(&known), MemoryModel::of(&unheard));
    assert!(known.is_verified() && !unheard.is_verified());
    // It has the tensors of a transformer, and is predicted as one.
    let (known, unheard) = (known.predict(&Load::default()).host, unheard.predict(&Load::default()).host);
    assert_eq!((unheard.weights, unheard.kv_cache), (known.weights, known.kv_cache));
    let (less, more) = (known.compute / 8 * 7, known.compute / 8 * 9);
    assert!((less..more).contains(&unheard.compute), "{} rather than {}", unheard.compute, known.compute);
}

#[test]
fn tensors_go_where_a_pattern_puts_them() {
    let over = |pattern: &str, device| Override::new(pattern, device).unwrap();
    for model in Model::ALL {
        let memory = MemoryModel::of(&model.header());
        let all = Load { gpu_layers: 99, devices: vec![1.0, 1.0], ..Load::default() };
        let usage = memory.predict(&all);
        let elsewhere = Load { overrides: vec![over(".", Some(1))], ..all.clone() };
        let second = memory.predict(&elsewhere);
        assert_eq!((second.devices[0].weights, second.host.weights), (0, 0), "{model:?}");
        let host = Load { overrides: vec![over(r"^(?:blk\.\d+|output)", None), over(".", None)], ..all };
        assert_eq!(memory.predict(&host).devices[0].weights, 0, "{model:?}");
        // The cache stays where the layers are.
        assert_eq!(second.devices[0].kv_cache, usage.devices[0].kv_cache, "{model:?}");
    }
}

#[test]
fn the_mapped_stretch_has_what_lies_between() {
    let model = MemoryModel::of(&Model::ALL[0].header());
    let at = |gpu_layers, mmap| {
        model.predict(&Load { gpu_layers, mmap, devices: vec![1.0], ..Load::default() }).host
    };
    assert_eq!(at(0, false).mapped_span, 0);
    let (whole, part) = (at(0, true), at(99, true));
    assert!(whole.mapped_span >= whole.mapped && part.mapped_span < whole.mapped_span);
}

#[test]
fn drafting_asks_for_more_rows_of_logits() {
    let compute = |outputs_per_slot| {
        let load = Load { outputs_per_slot, parallel: 4, ..Load::default() };
        predict(Model::ALL[0], &load).host.compute
    };
    assert!(compute(1) <= compute(17) && compute(17) < compute(400));
}
