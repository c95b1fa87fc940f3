//! Ways of loading: several devices, tensors put elsewhere, the cache on the host, and the like.

use anyhow::{Context, Result};
use loadmaster_gguf::memory::{Load, Override, Repack};

use super::super::grid::{Accelerator, Cache, Settings};
use super::super::ours;

/// The models that are loaded in all ways: dense, with experts, with sliding windows, with latent attention, hybrid.
pub(super) const MODELS: &[&str] = &[
    "llama-3.1-8b",
    "qwen3-30b-a3b",
    "gpt-oss-20b",
    "gemma-3-12b",
    "deepseek-v2-lite",
    "granite-4.0-h-tiny",
];

/// One way of loading.
pub(super) struct Way {
    /// What the page and the rows call it.
    pub(super) name: &'static str,
    /// What each device is to have of the layers, as in `--tensor-split`; one number for each device.
    split: &'static [u8],
    /// Further flags, `{0}` and `{1}` for the devices' buffer types.
    flags: &'static [&'static str],
    /// The same for the memory model.
    apply: fn(&mut Load) -> Result<()>,
}

#[expect(clippy::unnecessary_wraps, reason = "others of these functions can fail")]
const fn plain(_: &mut Load) -> Result<()> {
    Ok(())
}

const ONE: &[u8] = &[1];
const TWO: &[u8] = &[1, 1];

/// All ways.
pub(super) const WAYS: &[Way] = &[
    Way { name: "two devices", split: TWO, flags: &[], apply: plain },
    Way { name: "two devices, 3 to 1", split: &[3, 1], flags: &[], apply: plain },
    Way { name: "three devices", split: &[1, 1, 1], flags: &[], apply: plain },
    Way { name: "three devices, 1 to 5 to 2", split: &[1, 5, 2], flags: &[], apply: plain },
    Way { name: "three devices, 1 to 0 to 1", split: &[1, 0, 1], flags: &[], apply: plain },
    Way { name: "experts on the host", split: ONE, flags: &["--cpu-moe"], apply: |load| moe(load, u64::MAX) },
    Way {
        name: "experts of 5 layers on the host",
        split: ONE,
        flags: &["--n-cpu-moe", "5"],
        apply: |load| moe(load, 5),
    },
    Way {
        name: "experts of 20 layers on the host, two devices",
        split: TWO,
        flags: &["--n-cpu-moe", "20"],
        apply: |load| moe(load, 20),
    },
    Way {
        name: "feed-forward of 14 layers on the host",
        split: ONE,
        flags: &["--override-tensor", r"blk\.([0-9]|1[0-3])\.ffn_(up|down)=CPU"],
        apply: |load| put(load, r"blk\.([0-9]|1[0-3])\.ffn_(up|down)", None),
    },
    Way {
        name: "attention on the second device",
        split: TWO,
        flags: &["--override-tensor", "attn={1}"],
        apply: |load| put(load, "attn", Some(1)),
    },
    Way {
        name: "token embeddings on the device",
        split: ONE,
        flags: &["--override-tensor", "^token_embd={0}"],
        apply: |load| put(load, "^token_embd", Some(0)),
    },
    Way {
        name: "output on the host, odd layers on the second device",
        split: TWO,
        flags: &["--override-tensor", r"^output\.=CPU,blk\.\d*[13579]\.={1}"],
        apply: |load| {
            put(load, r"^output\.", None)?;
            put(load, r"blk\.\d*[13579]\.", Some(1))
        },
    },
    Way { name: "cache on the host", split: ONE, flags: &["--no-kv-offload"], apply: cache_on_host },
    Way {
        name: "cache on the host, two devices",
        split: TWO,
        flags: &["--no-kv-offload"],
        apply: cache_on_host,
    },
    Way {
        name: "full cache of sliding windows",
        split: ONE,
        flags: &["--swa-full"],
        apply: |load| {
            load.swa_full = true;
            Ok(())
        },
    },
    Way {
        name: "nothing repacked",
        split: ONE,
        flags: &["--no-repack"],
        apply: |load| {
            load.repack = Repack::Off;
            Ok(())
        },
    },
    Way {
        name: "no mapping, nothing computed elsewhere",
        split: ONE,
        flags: &["--no-mmap", "--no-op-offload"],
        apply: plain,
    },
];

#[expect(clippy::unnecessary_wraps, reason = "others of these functions can fail")]
fn moe(load: &mut Load, layers: u64) -> Result<()> {
    load.cpu_moe_layers = layers;
    Ok(())
}

fn put(load: &mut Load, pattern: &str, device: Option<usize>) -> Result<()> {
    load.overrides.push(Override::new(pattern, device).context("a pattern of this benchmark")?);
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "others of these functions can fail")]
fn cache_on_host(load: &mut Load) -> Result<()> {
    load.kv_offload = false;
    Ok(())
}

/// The settings that each way is tried with, for a model with this many blocks.
pub(super) fn settings(blocks: u32) -> Vec<Settings> {
    let layers = blocks + 1;
    let base = Settings {
        accelerator: Accelerator::Rpc,
        context: 8192,
        cache: Cache::F16,
        flash_attention: true,
        gpu_layers: layers,
        slots: 1,
        unified: false,
        micro_batch: 512,
    };
    vec![
        base,
        Settings { flash_attention: false, slots: 4, ..base },
        Settings { cache: Cache::Q8, gpu_layers: layers / 2, micro_batch: 2048, ..base },
        Settings { flash_attention: false, gpu_layers: layers / 2, ..base },
    ]
}

impl Way {
    pub(super) fn devices(&self) -> usize {
        self.split.len()
    }

    /// The flags of this way alone.
    pub(super) fn flags(&self) -> Vec<String> {
        let split: Vec<String> = self.split.iter().map(u8::to_string).collect();
        let split = (self.devices() > 1).then(|| ["--tensor-split".to_owned(), split.join(",")]);
        split.into_iter().flatten().chain(self.flags.iter().map(|&flag| flag.to_owned())).collect()
    }

    /// The same for the memory model.
    pub(super) fn load(&self, settings: &Settings) -> Result<Load> {
        let devices = self.split.iter().map(|&share| f64::from(share)).collect();
        let mut load = Load { devices, ..ours::load(settings) };
        (self.apply)(&mut load)?;
        Ok(load)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_has_a_name_and_a_load_of_its_own() {
        let settings = settings(32);
        for (at, way) in WAYS.iter().enumerate() {
            assert!(WAYS[..at].iter().all(|other| other.name != way.name), "{} twice", way.name);
            let load = way.load(&settings[0]).unwrap();
            assert_eq!(load.devices.len(), way.devices(), "{}", way.name);
        }
    }
}
