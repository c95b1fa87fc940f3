//! Asks the installed server what a plan takes: it can load a model without allocating anything.
//!
//! With `--fit on` llama-server first does so with the settings as they are (`common_fit_params` in
//! llama.cpp's common/fit.cpp), and prints where which bytes would lie. The line after that ends the
//! question: the server is killed before it loads the file for good.

use std::{collections::BTreeMap, path::Path, time::Duration};

use loadmaster_core::{DeviceEstimate, DeviceId, Estimate, EstimateSource, LaunchPlan};
use loadmaster_supervise::Supervisor;

use crate::{
    instance::{self, Address},
    memory::ModelShape,
    output::{Buffer, device_of},
    settings::Settings,
};

/// The answer takes a fraction of a second, most of it for the vocabulary; a driver that hangs never
/// answers.
const DEADLINE: Duration = Duration::from_secs(10);

/// How far off the engine's own figures may be, in percent: drivers round up.
const MARGIN_PERCENT: u8 = 1;

/// The longest context that is asked about, in tokens: the server has a table of all cells even when it
/// allocates nothing else, some hundred bytes each.
const LONGEST_CONTEXT: u32 = 4 << 20;

const MIB: u64 = 1 << 20;

/// The server's answer, `None` when it gives none: an older build does not know the question, and a
/// model that it cannot load is for the real start to tell.
pub(crate) async fn ask(
    supervisor: &Supervisor,
    (transport, runtime_dir): (loadmaster_upstream::Transport, &Path),
    plan: &LaunchPlan,
    settings: &Settings,
    shape: &ModelShape,
) -> Option<Answer> {
    if settings.context_length > LONGEST_CONTEXT {
        return None;
    }
    // It listens before it loads, at an address that nobody else is told.
    let address = Address::choose(transport, runtime_dir).ok()?;
    let spec = instance::spec(plan, settings, &address).ok()?;
    // The last of two equal flags counts.
    let spec = spec.args(["--fit", "on", "--verbosity", "5", "--no-warmup"]).args(without_vocabulary(shape));
    let child = instance::spawn(supervisor, spec).await.ok()?;
    let mut lines = child.lines();
    let read = async {
        let mut answer = Answer::default();
        while let Some(line) = lines.next().await {
            if line.text.contains("projected to use") {
                return Some(answer);
            }
            answer.read(&line.text, settings);
        }
        None
    };
    let answer = tokio::time::timeout(DEADLINE, read).await.ok().flatten();
    // Until its process is gone, a driver may hold memory for it.
    child.stop(Duration::ZERO).await;
    answer.filter(|answer| !answer.devices.is_empty())
}

/// Keeps the server from reading the vocabulary, of whose size alone memory depends: three times as fast.
fn without_vocabulary(shape: &ModelShape) -> Vec<String> {
    let Some((architecture, tokens)) = shape.vocabulary() else {
        return Vec::new();
    };
    let overrides = format!("tokenizer.ggml.model=str:no_vocab,{architecture}.vocab_size=int:{tokens}");
    vec!["--override-kv".to_owned(), overrides]
}

/// What the server said, by device.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    devices: BTreeMap<DeviceId, Figures>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Figures {
    weights: Rounded,
    kv_cache: Rounded,
    compute: Rounded,
}

/// A figure that was rounded on its way, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Rounded {
    /// No less than this.
    least: u64,
    /// No more than this.
    most: u64,
}

impl Rounded {
    fn add(&mut self, least: u64, rounding: u64) {
        self.least = self.least.saturating_add(least);
        self.most = self.most.saturating_add(least).saturating_add(rounding);
    }

    /// What was computed, where the answer bears it out: it has all digits. Else the answer's upper end.
    fn settle(self, computed: u64) -> u64 {
        if (self.least..=self.most).contains(&computed) { computed } else { self.most }
    }
}

impl Answer {
    /// Takes in what a line says.
    fn read(&mut self, line: &str, settings: &Settings) {
        if let Some((_, row)) = line.split_once("common_memory_breakdown_print: |   - ")
            && let Some((name, [weights, kv_cache, _])) = row_figures(row)
        {
            let figures = self.devices.entry(device_of(name, settings)).or_default();
            figures.weights.add(weights.saturating_mul(MIB), MIB);
            figures.kv_cache.add(kv_cache.saturating_mul(MIB), MIB);
        } else if let Some(buffer) = Buffer::read(line).filter(|buffer| buffer.part == "compute") {
            // To two digits of a MiB, where the breakdown has none.
            let figures = self.devices.entry(device_of(buffer.device, settings)).or_default();
            let rounding = MIB / 100;
            figures.compute.add(buffer.bytes.saturating_sub(rounding), 2 * rounding);
        }
    }

    /// The computed estimate with the server's figures in place of what they contradict. What the server
    /// does not tell, such as its own process and which weights are mapped, stays as computed.
    pub(crate) fn complete(&self, mut computed: Estimate) -> Estimate {
        for (device, figures) in &self.devices {
            if !computed.devices.iter().any(|part| part.device == *device) {
                computed.devices.push(DeviceEstimate::on(device.clone()));
            }
            for part in computed.devices.iter_mut().filter(|part| part.device == *device) {
                part.weights = figures.weights.settle(part.weights);
                part.kv_cache = figures.kv_cache.settle(part.kv_cache);
                part.compute = figures.compute.settle(part.compute);
                part.mapped = part.mapped.min(part.weights);
            }
        }
        Estimate { source: EstimateSource::Asked, margin_percent: MARGIN_PERCENT, ..computed }
    }
}

/// The name and the MiB of weights, cache and compute in a row such as
/// `CUDA0 (NVIDIA A10) | 24105 = 23000 + (5543 = 4403 + 1024 + 116) + -5543 |`, or
/// `Host | 305 = 281 + 0 + 24 |`; each figure is rounded down.
fn row_figures(row: &str) -> Option<(&str, [u64; 3])> {
    // The name may have parentheses and bars of its own; the figures are behind the last two bars.
    let (name, figures) = row.trim_end().strip_suffix('|')?.rsplit_once('|')?;
    let figures = match figures.split_once('(') {
        Some((_, inner)) => inner.split_once(')')?.0,
        None => figures,
    };
    let (_, sum) = figures.split_once('=')?;
    let mut parts = sum.split('+').map(|figure| figure.trim().parse::<u64>());
    let mut next = || parts.next()?.ok();
    let figures = [next()?, next()?, next()?];
    Some((name.split_once(" (").map_or(name, |(name, _)| name).trim(), figures))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::tests::settings;

    /// What llama-server b10434 printed, two devices added from other runs of it.
    const PRINTED: &str = "\
0.00.181.165 I load_tensors:      Vulkan0 model buffer size =     0.00 MiB
0.00.181.670 I llama_context: Vulkan_Host  output buffer size =     0.19 MiB
0.00.181.764 I llama_kv_cache:    Vulkan0 KV buffer size =     0.00 MiB
0.00.191.068 I sched_reserve:    Vulkan0 compute buffer size =    15.26 MiB
0.00.191.080 I sched_reserve: Vulkan_Host compute buffer size =     6.26 MiB
0.00.191.293 I common_memory_breakdown_print: | memory breakdown [MiB]  | total   free    self   model   context   compute    unaccounted |
0.00.191.304 I common_memory_breakdown_print: |   - Vulkan0 (llvmpipe (LLVM 15.0.6, 256 bits)) |  2048 = 2048 + ( 197 =    92 +      90 +      15) +        -197 |
0.00.191.305 I common_memory_breakdown_print: |   - Host                |                   34 =    28 +       0 +       6                |
0.00.191.306 I common_memory_breakdown_print: |   - CPU_REPACK          |                 2165 =  2165 +       0 +       0                |
";

    fn on_vulkan() -> Settings {
        Settings { devices: vec!["gpu0".into()], server_devices: vec!["Vulkan0".into()], ..settings() }
    }

    fn answer() -> Answer {
        let mut answer = Answer::default();
        PRINTED.lines().for_each(|line| answer.read(line, &on_vulkan()));
        answer
    }

    fn computed(gpu: [u64; 3], host: [u64; 3]) -> Estimate {
        let part = |id: &str, [weights, kv_cache, compute]: [u64; 3]| DeviceEstimate {
            weights,
            kv_cache,
            compute,
            other: 7,
            mapped: weights,
            ..DeviceEstimate::on(id.into())
        };
        let devices = vec![part("gpu0", gpu), part("host", host)];
        Estimate { source: EstimateSource::Computed, margin_percent: 3, devices }
    }

    #[test]
    fn what_the_answer_bears_out_keeps_its_digits() {
        let gpu = [92 * MIB + 104_857, 90 * MIB, 16_001_280];
        let host = [2193 * MIB + 99, 0, 6_565_888];
        let asked = answer().complete(computed(gpu, host));
        assert_eq!((asked.source, asked.margin_percent), (EstimateSource::Asked, MARGIN_PERCENT));
        assert_eq!(asked.devices, computed(gpu, host).devices);
    }

    #[test]
    fn what_the_answer_contradicts_is_replaced() {
        let asked = answer().complete(computed([80 * MIB, 100 * MIB, 20 * MIB], [0, MIB, 0]));
        let [gpu, host] = &asked.devices[..] else { panic!("two devices: {asked:?}") };
        assert_eq!((gpu.weights, gpu.kv_cache, gpu.compute >> 20), (93 * MIB, 91 * MIB, 15));
        // Two rows on the host, each rounded down.
        assert_eq!((host.weights, host.kv_cache, host.compute >> 20), (2195 * MIB, MIB, 6));
        assert_eq!((gpu.other, gpu.mapped, host.mapped), (7, 80 * MIB, 0));
    }

    #[test]
    fn a_device_that_nobody_computed_is_added() {
        let mut nothing = computed([0; 3], [0; 3]);
        nothing.devices.remove(0);
        let ids: Vec<_> = answer().complete(nothing).devices.into_iter().map(|part| part.device).collect();
        assert_eq!(ids, [DeviceId::host(), DeviceId::from("gpu0")]);
    }

    #[test]
    fn lines_that_are_none_say_nothing() {
        let mut answer = Answer::default();
        for line in [
            "",
            "common_memory_breakdown_print: |   - ",
            "common_memory_breakdown_print: |   - Host | 1 = x + 2 + 3 |",
            "common_memory_breakdown_print: |   - Host | ( = |",
            "compute buffer size = MiB",
        ] {
            answer.read(line, &settings());
        }
        assert_eq!(answer, Answer::default());
    }
}
