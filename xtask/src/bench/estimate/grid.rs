//! The settings that every model is asked about.

use serde::{Deserialize, Serialize};

/// What stands in for a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Accelerator {
    /// No device: everything is the processor's.
    None,
    /// `ggml-rpc-server` on this machine: a device that supports what the processor does, without limits.
    Rpc,
    /// Vulkan in software (`llvmpipe`), with the limits of a real driver.
    Vulkan,
}

/// The type of the key and value cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Cache {
    F16,
    #[serde(rename = "q8_0")]
    Q8,
}

impl Cache {
    /// As llama-server's `--cache-type-k` has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::F16 => "f16",
            Self::Q8 => "q8_0",
        }
    }
}

/// One way to start a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) accelerator: Accelerator,
    /// Tokens of all slots together.
    pub(super) context: u32,
    pub(super) cache: Cache,
    pub(super) flash_attention: bool,
    /// Blocks on the device, and one more for the output layer.
    pub(super) gpu_layers: u32,
    pub(super) slots: u32,
    /// One cache for all slots instead of a part for each.
    pub(super) unified: bool,
    pub(super) micro_batch: u32,
}

/// Every combination for a model with this many blocks that the server can run.
pub(super) fn settings(blocks: u32) -> Vec<Settings> {
    let layers = blocks + 1;
    let mut grid = Vec::new();
    for context in [4096, 32768] {
        // A quantized value cache needs flash attention.
        for (cache, flash_attention) in [(Cache::F16, true), (Cache::F16, false), (Cache::Q8, true)] {
            let base = Settings {
                accelerator: Accelerator::Rpc,
                context,
                cache,
                flash_attention,
                gpu_layers: layers,
                slots: 1,
                unified: false,
                micro_batch: 512,
            };
            for slots in [1, 4] {
                for micro_batch in [512, 2048] {
                    let base = Settings { slots, micro_batch, ..base };
                    // 1 is the output layer alone: what lies beside it tells where rows are picked out.
                    grid.extend([0, 1, layers / 2, layers].map(|gpu_layers| Settings { gpu_layers, ..base }));
                    grid.push(Settings { accelerator: Accelerator::None, gpu_layers: 0, ..base });
                }
            }
            grid.push(Settings { slots: 4, unified: true, ..base });
            let vulkan = Settings { accelerator: Accelerator::Vulkan, ..base };
            grid.extend([layers / 2, layers].map(|gpu_layers| Settings { gpu_layers, ..vulkan }));
        }
    }
    grid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_has_no_combination_twice_and_none_that_cannot_run() {
        let grid = settings(32);
        for (index, settings) in grid.iter().enumerate() {
            assert!(!grid[..index].contains(settings), "{settings:?} twice");
            assert!(settings.flash_attention || settings.cache == Cache::F16, "{settings:?}");
            assert!(settings.gpu_layers <= 33, "{settings:?}");
        }
        assert_eq!(grid.len(), 6 * (4 * 5 + 1 + 2));
    }
}
