//! From a plan to the server's command line: a pure function.

use std::ffi::OsString;

use loadmaster_core::{Endpoint, LaunchPlan};

use crate::settings::{CacheType, ExtraValue, FlashAttention, Settings};

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
    line.value("--device", &settings.server_device.as_deref().unwrap_or("none"));
    if !settings.mmap {
        line.flag("--no-mmap");
    }
    line.value("--cache-ram", &(settings.prompt_cache >> 20));
    // The plan is resolved: the server shall not change it to what it thinks fits.
    line.value("--fit", &"off");
    line.value("--verbosity", &VERBOSITY);
    line.flag("--no-webui");
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
    use crate::memory::tests::settings;

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
             |--gpu-layers|0|--device|none|--cache-ram|0|--fit|off|--verbosity|4|--no-webui"
        );
    }

    #[test]
    fn devices_and_extra_flags_are_passed_on_and_keys_are_not() {
        let flags = [("rope-scale", ExtraValue::Number(2.into())), ("--no-warmup", ExtraValue::Switch(()))];
        let settings = Settings {
            gpu_layers: 33,
            server_device: Some("CUDA0".into()),
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
}
