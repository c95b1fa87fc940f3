//! From a plan to the server's command line: a pure function.

use std::{ffi::OsString, path::Path};

use loadmaster_core::{Endpoint, LaunchPlan};

use crate::{
    extra::ExtraValue,
    settings::{CacheType, FlashAttention, Settings},
    ways::{Draft, Lora, TensorOverride, is_scaled},
};

/// The buffer sizes are printed from this verbosity on.
const VERBOSITY: &str = "4";

/// The command line for `plan`. `nonce` becomes a second alias, by which the server proves that it
/// is ours; the server reports the alias that sorts first, and `~` sorts behind every letter.
pub(crate) fn arguments(
    plan: &LaunchPlan,
    settings: &Settings,
    endpoint: &Endpoint,
    nonce: &str,
) -> Vec<OsString> {
    let mut line = Line::default();
    line.flag("--model").0.push(plan.model.path.clone().into_os_string());
    match endpoint {
        Endpoint::Unix { path } => line.flag("--host").0.push(path.clone().into_os_string()),
        Endpoint::Tcp { address, .. } => {
            line.value("--host", &address.ip());
            line.value("--port", &address.port());
        }
    }
    line.value("--alias", &format!("{},{nonce}", plan.model.id));
    line.value("--ctx-size", &settings.context_length);
    line.value("--parallel", &settings.parallel);
    line.value("--threads", &settings.threads);
    line.value("--batch-size", &settings.batch_size);
    line.value("--ubatch-size", &settings.ubatch_size);
    line.value("--cache-type-k", &name(settings.cache_type_k));
    line.value("--cache-type-v", &name(settings.cache_type_v));
    line.value(
        "--flash-attn",
        &match settings.flash_attention {
            FlashAttention::On => "on",
            FlashAttention::Off => "off",
            FlashAttention::Auto => "auto",
        },
    );
    line.value("--gpu-layers", &settings.gpu_layers);
    let devices = if settings.server_devices.is_empty() {
        "none".to_owned()
    } else {
        settings.server_devices.join(",")
    };
    line.value("--device", &devices);
    if settings.server_devices.len() > 1 {
        let shares: Vec<String> = settings.tensor_split.iter().map(f64::to_string).collect();
        line.value("--split-mode", &"layer");
        line.value("--tensor-split", &shares.join(","));
    }
    line.ways(settings);
    if !settings.mmap {
        line.flag("--no-mmap");
    }
    line.value("--cache-ram", &(settings.prompt_cache >> 20));
    // The plan is resolved: the server shall not change it to what it thinks fits.
    line.value("--fit", &"off");
    line.value("--verbosity", &VERBOSITY);
    line.flag("--no-webui");
    // The empty run before the first request saves a GPU from compiling and allocating in it. On the host it
    // does nothing that the first request does not do, and costs a fifth of the start.
    if settings.server_devices.is_empty() {
        line.flag("--no-warmup");
    }
    for (flag, value) in &settings.extra {
        let flag = if flag.starts_with('-') { flag.clone() } else { format!("--{flag}") };
        line.flag(&flag);
        if !matches!(value, ExtraValue::Switch(())) {
            line.0.push(value.to_string().into());
        }
    }
    line.0
}

#[derive(Default)]
struct Line(Vec<OsString>);

impl Line {
    fn flag(&mut self, flag: &str) -> &mut Self {
        self.0.push(flag.into());
        self
    }

    fn value(&mut self, flag: &str, value: &impl ToString) {
        self.flag(flag).0.push(value.to_string().into());
    }

    fn file(&mut self, flag: &str, file: &Path) {
        self.flag(flag).0.push(file.as_os_str().to_owned());
    }

    /// What differs from the server's defaults.
    fn ways(&mut self, settings: &Settings) {
        let ways = &settings.ways;
        // The first that matches counts, also among these two flags.
        let overrides: Vec<String> =
            ways.override_tensors.iter().map(|one| buffer_override(one, settings)).collect();
        if !overrides.is_empty() {
            self.value("--override-tensor", &overrides.join(","));
        }
        if ways.cpu_moe_layers > 0 {
            self.value("--n-cpu-moe", &ways.cpu_moe_layers);
        }
        for (given, flag) in [
            (!ways.kv_offload, "--no-kv-offload"),
            (ways.kv_unified, "--kv-unified"),
            (ways.swa_full, "--swa-full"),
            (!ways.repack, "--no-repack"),
            (!ways.op_offload, "--no-op-offload"),
        ] {
            if given {
                self.flag(flag);
            }
        }
        for Lora { file, scale } in &ways.lora {
            if is_scaled(*scale) {
                let mut scaled = file.clone().into_os_string();
                scaled.push(format!(":{scale}"));
                self.flag("--lora-scaled").0.push(scaled);
            } else {
                self.file("--lora", file);
            }
        }
        if let Some(file) = &ways.mmproj {
            self.file("--mmproj", file);
            if !ways.mmproj_offload {
                self.flag("--no-mmproj-offload");
            }
        }
        if let Some(Draft { file, gpu_layers, tokens }) = &ways.draft {
            self.file("--spec-draft-model", file);
            self.value("--spec-type", &"draft-simple");
            self.value("--spec-draft-n-max", tokens);
            self.value("--spec-draft-ngl", gpu_layers);
        }
    }
}

/// `PATTERN=BUFFER`; a device's buffers have its name.
fn buffer_override(one: &TensorOverride, settings: &Settings) -> String {
    let at = settings.devices.iter().position(|id| *id == one.device);
    let device = at.and_then(|at| settings.server_devices.get(at)).map_or("CPU", String::as_str);
    format!("{}={device}", one.pattern)
}

/// The name of a cache type on the command line.
fn name(kind: CacheType) -> &'static str {
    match kind {
        CacheType::F32 => "f32",
        CacheType::F16 => "f16",
        CacheType::Bf16 => "bf16",
        CacheType::Q8_0 => "q8_0",
        CacheType::Q5_1 => "q5_1",
        CacheType::Q5_0 => "q5_0",
        CacheType::Q4_1 => "q4_1",
        CacheType::Q4_0 => "q4_0",
        CacheType::Iq4Nl => "iq4_nl",
    }
}

#[cfg(test)]
mod tests {
    use loadmaster_core::{Model, ModelKind};

    use super::*;
    use crate::{memory::tests::settings, ways::Ways};

    fn line(settings: &Settings, endpoint: &Endpoint) -> String {
        let plan = LaunchPlan::new("llama", Model::from_file(ModelKind::Text, "/m/a b.gguf"));
        let arguments = arguments(&plan, settings, endpoint, "~n");
        arguments.iter().map(|argument| argument.to_str().unwrap()).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn every_setting_is_on_the_command_line() {
        let endpoint = Endpoint::Unix { path: "/r/x.sock".into() };
        assert_eq!(
            line(&settings(), &endpoint),
            "--model|/m/a b.gguf|--host|/r/x.sock|--alias|a b,~n|--ctx-size|8192|--parallel|1|--threads|2\
             |--batch-size|2048|--ubatch-size|512|--cache-type-k|f16|--cache-type-v|f16|--flash-attn|auto\
             |--gpu-layers|0|--device|none|--cache-ram|0|--fit|off|--verbosity|4|--no-webui|--no-warmup"
        );
    }

    #[test]
    fn devices_and_extra_flags_are_passed_on_and_keys_are_not() {
        let flags = [("rope-scale", ExtraValue::Number(2.into())), ("--no-warmup", ExtraValue::Switch(()))];
        let settings = Settings {
            gpu_layers: 33,
            server_devices: vec!["CUDA0".into()],
            mmap: false,
            prompt_cache: 512 << 20,
            extra: flags.map(|(name, value)| (name.to_owned(), value)).into(),
            ..settings()
        };
        let endpoint = Endpoint::Tcp { address: ([127, 0, 0, 1], 4242).into(), api_key: "hush".into() };
        let line = line(&settings, &endpoint);
        assert!(line.contains("--host|127.0.0.1|--port|4242|"), "{line}");
        assert!(line.contains("|--gpu-layers|33|--device|CUDA0|--no-mmap|--cache-ram|512|"), "{line}");
        assert!(line.ends_with("|--no-webui|--no-warmup|--rope-scale|2"), "{line}");
        assert!(!line.contains("hush"), "{line}");
    }

    #[test]
    fn ways_of_loading_are_on_the_command_line() {
        let mut ways = Ways { cpu_moe_layers: 3, kv_offload: false, repack: false, ..Ways::default() };
        for (name, value) in [
            ("override_tensors", serde_json::json!(["attn=gpu1", "ffn_up=host"])),
            ("lora", serde_json::json!(["/a b.gguf", {"file": "/c.gguf", "scale": 0.5}])),
            ("mmproj", serde_json::json!("/p.gguf")),
            ("mmproj_offload", serde_json::json!(false)),
            ("draft", serde_json::json!({"file": "/d.gguf", "gpu_layers": 7})),
            ("swa_full", serde_json::json!(true)),
        ] {
            ways.set(name, &value).unwrap();
        }
        let settings = Settings {
            devices: vec!["gpu0".into(), "gpu1".into()],
            server_devices: vec!["CUDA0".into(), "CUDA1".into()],
            tensor_split: vec![3.0, 1.5],
            ways,
            ..settings()
        };
        let line = line(&settings, &Endpoint::Unix { path: "/r/x.sock".into() });
        let expected = "|--device|CUDA0,CUDA1|--split-mode|layer|--tensor-split|3,1.5\
            |--override-tensor|attn=CUDA1,ffn_up=CPU|--n-cpu-moe|3|--no-kv-offload|--swa-full|--no-repack\
            |--lora|/a b.gguf|--lora-scaled|/c.gguf:0.5|--mmproj|/p.gguf|--no-mmproj-offload\
            |--spec-draft-model|/d.gguf|--spec-type|draft-simple|--spec-draft-n-max|3|--spec-draft-ngl|7|";
        assert!(line.contains(expected), "{line}");
    }
}
