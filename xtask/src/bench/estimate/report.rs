//! What the engine prints of its memory in a dry run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A row of `common_memory_breakdown_print`, in MiB, each figure rounded down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// `RPC0`, `Vulkan0`, `Host`, or a buffer type such as `CPU_REPACK`.
    pub(super) name: String,
    pub(super) weights: u64,
    /// The engine's `context`: caches of keys and values, recurrent states.
    pub(super) cache: u64,
    pub(super) compute: u64,
}

/// How a dry run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Answer {
    Report(Report),
    /// The engine gave up: a driver's limit on the size of a buffer is reached, for example.
    Refused {
        /// What it printed of the reason.
        refused: String,
    },
}

/// The figures of one dry run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) parts: Vec<Part>,
    /// Compute buffers in MiB to two digits, under the engine's names of the buffers.
    pub(super) compute: BTreeMap<String, f64>,
    /// Output buffers, likewise; the breakdown leaves them out.
    pub(super) output: BTreeMap<String, f64>,
    /// Sizes of the caches in MiB to two digits, all devices together: one, or two with sliding windows.
    pub(super) caches: Vec<f64>,
}

/// Whether the dry run is over with this line: the figures of the settings that were asked for are printed.
pub(super) fn is_complete(line: &str) -> bool {
    line.contains("projected to use")
}

/// Whether the dry run failed with this line.
pub(super) fn is_failure(line: &str) -> bool {
    [
        "encountered an error while trying to fit",
        "failed to load model",
        "error loading model",
        "invalid argument",
    ]
    .iter()
    .any(|text| line.contains(text))
}

impl Report {
    /// Takes what `line` says.
    pub(super) fn read(&mut self, line: &str) {
        if let Some((_, row)) = line.split_once("common_memory_breakdown_print: |   - ") {
            if let Some(part) = part(row) {
                self.name_buffer(row, &part.name);
                self.parts.push(part);
            }
        } else if let Some((_, line)) = line.split_once("sched_reserve: ") {
            self.compute.extend(buffer(line, "compute buffer size ="));
        } else if let Some((_, line)) = line.split_once("llama_context: ") {
            self.output.extend(buffer(line, "output buffer size =").map(|(name, size)| (plain(&name), size)));
        } else if let Some((_, line)) = line.split_once(": size = ")
            && let Some((size, _)) = line.split_once(" MiB (")
        {
            self.caches.extend(size.trim().parse::<f64>());
        }
    }
}

impl Report {
    /// Every RPC server calls its device RPC0, and the breakdown counts all of them: gives the buffer the name that its
    /// device has there, which is told by the address.
    fn name_buffer(&mut self, row: &str, name: &str) {
        let address = row.split_once(" (").and_then(|(_, rest)| rest.split_once(')'));
        if let Some(size) = address.and_then(|(address, _)| self.compute.remove(&format!("RPC0[{address}]")))
        {
            self.compute.insert(name.to_owned(), size);
        }
    }
}

/// The name of a buffer without the address of its server.
fn plain(name: &str) -> String {
    name.split_once('[').map_or(name, |(name, _)| name).to_owned()
}

/// `NAME (description) | total = free + (self = weights + cache + compute) + unaccounted |`, or without the outer sum.
fn part(row: &str) -> Option<Part> {
    let (name, figures) = row.split_once('|')?;
    let figures = figures.trim_end().trim_end_matches('|');
    let figures = match figures.split_once('(') {
        Some((_, inner)) => inner.split_once(')')?.0,
        None => figures,
    };
    let (_, sum) = figures.split_once('=')?;
    let mut sum = sum.split('+').map(|figure| figure.trim().parse::<u64>().ok());
    let name = name.split_once(" (").map_or(name, |(name, _)| name).trim().to_owned();
    Some(Part { name, weights: sum.next()??, cache: sum.next()??, compute: sum.next()?? })
}

/// `NAME[address] what 12.34 MiB`, with the name as it is.
fn buffer(line: &str, what: &str) -> Option<(String, f64)> {
    let (name, size) = line.split_once(what)?;
    Some((name.trim().to_owned(), size.trim().strip_suffix("MiB")?.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
0.00.46 I llama_context: Vulkan_Host  output buffer size =     1.96 MiB
0.00.46 I llama_kv_cache: RPC0[127.0.0.1:50990] KV buffer size =     0.00 MiB
0.00.46 I llama_kv_cache: size = 1024.00 MiB (  8192 cells,  32 layers,  4/1 seqs), K (f16):  512.00 MiB, V (f16):  512.00 MiB
0.00.49 I sched_reserve: RPC0[127.0.0.1:50990] compute buffer size =   116.01 MiB
0.00.49 I sched_reserve:        CPU compute buffer size =    24.01 MiB
0.00.49 I sched_reserve: graph nodes  = 998
0.00.49 I common_memory_breakdown_print: | memory breakdown [MiB]     | total    free    self   model   context   compute    unaccounted |
0.00.49 I common_memory_breakdown_print: |   - RPC0 (127.0.0.1:50990) | 24105 = 24105 + (5543 =  4403 +    1024 +     116) +       -5543 |
0.00.49 I common_memory_breakdown_print: |   - Vulkan0 (llvmpipe (LLVM 15.0.6, 256 bits)) |  2048 = 2048 + ( 877 =   557 +     256 +      64) +        -877 |
0.00.49 I common_memory_breakdown_print: |   - Host                   |                   305 =   281 +       0 +      24                |
0.00.49 I common_memory_breakdown_print: |   - CPU_REPACK             |                  2165 =  2165 +       0 +       0                |
";

    #[test]
    fn the_figures_are_read_from_the_engines_output() {
        let mut report = Report::default();
        OUTPUT.lines().for_each(|line| report.read(line));
        let part = |name: &str, weights, cache, compute| Part { name: name.into(), weights, cache, compute };
        assert_eq!(
            report.parts,
            [
                part("RPC0", 4403, 1024, 116),
                part("Vulkan0", 557, 256, 64),
                part("Host", 281, 0, 24),
                part("CPU_REPACK", 2165, 0, 0),
            ]
        );
        assert_eq!(report.compute, [("RPC0".to_owned(), 116.01), ("CPU".to_owned(), 24.01)].into());
        assert_eq!(report.output, [("Vulkan_Host".to_owned(), 1.96)].into());
        assert_eq!(report.caches, [1024.0]);
    }
}
