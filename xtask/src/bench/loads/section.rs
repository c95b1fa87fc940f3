//! The page's section of this benchmark.

use std::fmt::Write as _;

use super::load::Load;
use super::{Case, Place};

const NOTES: &str = "\
What is anonymous beside the printed buffers is the server's heap, its threads and its relocations, and the driver's. \
Libraries are pages of files that all servers of one build share and that the kernel may take back; the largest is \
libLLVM, which the Vulkan loader maps wherever Mesa's software driver is installed, used or not. Both are in `other`. \
Less than predicted is there where a prompt does not fill the context: pages of a compute buffer come with their first \
use, and a slot has no more than the 8192 tokens that SmolLM2 was trained on. On llvmpipe one buffer is predicted too \
long by 1 MiB, because GPUs are taken to give out longer ones than llvmpipe does; and llvmpipe itself takes more the \
longer a prompt is, as its two lines at 2048 show (not with each prompt anew), which no estimate counts: it is for \
tests, and Loadmaster uses it only when told to.
";

pub(super) fn section(date: &str, machine: &str, cases: &[Case], loads: &[Load]) -> String {
    let mut text = format!(
        "## Real loads\n\n\
         `cargo xtask bench loads --date {date}`, on {machine}. SmolLM2-135M (Q4_1) in the pinned llama-server, started \
         by `loadmaster serve`, after one answered prompt. Predicted and printed are those of `loadmaster ps --json`; real \
         is what the kernel counts for the process (`/proc/PID/smaps`). On llvmpipe, Vulkan in software with all \
         layers on it, the device's memory is the process's own, and both are added up. All in MiB.\n\n\
         Buffers, predicted / printed:\n\n\
         | where | context | weights | of these mapped | KV cache | compute | other, predicted | output, printed |\n\
         |---|---|---|---|---|---|---|---|\n"
    );
    for (case, load) in cases.iter().zip(loads) {
        let (predicted, printed) = (load.predicted.together(), load.printed.together());
        let both = |predicted: u64, printed: u64| format!("{} / {}", mib(predicted), mib(printed));
        let cells = [
            place(case).into(),
            case.context.to_string(),
            both(predicted.weights, printed.weights),
            both(predicted.mapped, printed.mapped),
            both(predicted.kv_cache, printed.kv_cache),
            both(predicted.compute, printed.compute),
            mib(predicted.other),
            mib(printed.other),
        ];
        row(&mut text, &cells);
    }
    text.push_str(
        "\nThe process:\n\n\
         | where | context | prompt, tokens | predicted | real (RSS) | real / predicted | reserved | real / reserved | model's file | \
         anonymous | of these beside buffers | libraries |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (case, load) in cases.iter().zip(loads) {
        let real = load.resident;
        let predicted = load.predicted.together().total();
        let printed = load.printed.together();
        let buffers = printed.total() - printed.mapped.min(printed.total());
        let cells = [
            place(case).into(),
            case.context.to_string(),
            load.prompt_tokens.to_string(),
            mib(predicted),
            mib(real.total()),
            ratio(real.total(), predicted),
            mib(load.predicted.reservation()),
            ratio(real.total(), load.predicted.reservation()),
            mib(real.model),
            mib(real.anonymous),
            difference(real.anonymous, buffers),
            mib(real.files),
        ];
        row(&mut text, &cells);
    }
    text + "\n" + NOTES
}

fn place(case: &Case) -> &'static str {
    match case.place {
        Place::Cpu => "CPU",
        Place::Llvmpipe => "llvmpipe",
    }
}

fn row(text: &mut String, cells: &[String]) {
    writeln!(text, "| {} |", cells.join(" | ")).expect("writing to a String cannot fail");
}

#[expect(clippy::cast_precision_loss, reason = "bytes of one process are far below 2^52")]
fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}

/// `bytes` less `part`, which may be more: then parts of it are not resident.
fn difference(bytes: u64, part: u64) -> String {
    if bytes < part { format!("-{}", mib(part - bytes)) } else { mib(bytes - part) }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio of which two digits matter")]
fn ratio(real: u64, reserved: u64) -> String {
    format!("{:.2}", real as f64 / reserved as f64)
}

#[cfg(test)]
mod tests {
    use super::super::load::{Device, Estimate};
    use super::super::process::Resident;
    use super::*;

    #[test]
    fn the_section_sets_predictions_beside_what_was_real() {
        const MIB: u64 = 1 << 20;
        let estimate = |other, margin_percent| {
            let gpu = Device { weights: 10 * MIB, kv_cache: 4 * MIB, ..Device::default() };
            let host = Device {
                weights: 30 * MIB,
                mapped: 30 * MIB,
                compute: MIB,
                other: other * MIB,
                ..Device::default()
            };
            Estimate { margin_percent, devices: vec![gpu, host] }
        };
        let load = Load {
            prompt_tokens: 7,
            predicted: estimate(55, 10),
            printed: estimate(1, 0),
            resident: Resident { model: 30 * MIB, files: 20 * MIB, anonymous: 60 * MIB },
        };
        let case = Case { place: Place::Llvmpipe, context: 2048, prompt: 7 };
        let text = section("2026-01-02", "a machine", &[case], &[load]);
        let buffers = "| llvmpipe | 2048 | 40.0 / 40.0 | 30.0 / 30.0 | 4.0 / 4.0 | 1.0 / 1.0 | 55.0 | 1.0 |";
        assert!(text.contains(buffers), "{text}");
        let process =
            "| llvmpipe | 2048 | 7 | 100.0 | 110.0 | 1.10 | 110.0 | 1.00 | 30.0 | 60.0 | 44.0 | 20.0 |";
        assert!(text.contains(process), "{text}");
    }

    #[test]
    fn buffers_that_are_not_all_resident_are_less_than_nothing() {
        assert_eq!(
            (difference(1 << 20, 3 << 20), difference(3 << 20, 1 << 20)),
            ("-2.0".into(), "2.0".into())
        );
    }
}
