//! `loadmaster estimate` of the real model. No server need be there; one that is there is asked.

use std::{path::Path, process::Command};

use serde_json::Value;

use crate::support::{llama_server, loadmaster, smollm2};

use super::{empty_folder, ended, run_smollm2};

fn estimate(home: &Path, arguments: &[&str]) -> Command {
    let mut command = loadmaster(home);
    // Nothing is on this path, llama-server least of all.
    command.env("PATH", home).arg("estimate").arg(smollm2()).args(arguments);
    command
}

fn json(arguments: &[&str]) -> Value {
    let home = empty_folder();
    ended(estimate(home.path(), arguments).arg("--json")).json()
}

#[test]
fn without_a_gpu_all_is_on_the_host() {
    let estimate = json(&["--ctx", "2048", "--gpu-layers", "0"]);
    assert_eq!((&estimate["backend"], &estimate["source"]), (&"llama".into(), &"computed".into()));
    let host = estimate["devices"].as_array().and_then(|devices| devices.last()).expect("the host");
    // llama-server prints 92.10 MiB of weights and 45.00 MiB of cache for this.
    assert_eq!((&host["id"], &host["weights"]), (&"host".into(), &96_576_768.into()));
    assert_eq!(host["kv_cache"], 45 << 20);
    assert_eq!(estimate["fits"]["longest_context"], 8192);
}

#[test]
fn a_gpu_that_is_only_named_is_planned_for() {
    let estimate = json(&["--device", "CUDA0=24 GiB", "--ctx", "4096"]);
    let gpu = &estimate["devices"][0];
    assert_eq!((&gpu["id"], &gpu["kv_cache"]), (&"CUDA0".into(), &(90 << 20).into()));
    assert_eq!(estimate["plan"]["gpu_layers"], 31);
    assert_eq!(estimate["shortages"], serde_json::json!([]));
    let sum: u64 =
        ["weights", "kv_cache", "compute", "other"].iter().filter_map(|part| gpu[part].as_u64()).sum();
    assert_eq!(gpu["total"], sum);
}

#[test]
fn what_does_not_fit_is_said_with_what_would() {
    let too_small = ["--device", "CUDA0=160 MiB", "--gpu-layers", "all", "--ctx", "8192"];
    let estimate = json(&too_small);
    assert_eq!(estimate["shortages"][0]["device"], "CUDA0");
    let longest = estimate["fits"]["longest_context"].as_u64().expect("a shorter one fits");
    assert!((256..8192).contains(&longest), "{estimate}");
    let home = empty_folder();
    let printed = ended(&mut self::estimate(home.path(), &too_small)).printed();
    assert!(printed.contains("does not fit: CUDA0 needs "), "{printed}");
    assert!(
        printed.contains(&format!("longest context with all layers on the GPU: {longest} tokens")),
        "{printed}"
    );
}

#[test]
fn what_would_fit_fits_and_one_step_more_does_not() {
    let with = |more: &[&str]| json(&[&["--device", "CUDA0=260 MiB"], more].concat());
    let fits = |more: &[&str]| with(more)["shortages"] == serde_json::json!([]);
    let fit = with(&[])["fits"].clone();
    let number = |name: &str| fit[name].as_u64().unwrap_or_else(|| panic!("{name} in {fit}"));
    let (layers, context) = (number("gpu_layers"), number("longest_context"));
    assert!((1..31).contains(&layers) && (256..8192).contains(&context), "{fit}");
    let at_layers = |layers: u64| fits(&["--gpu-layers", &layers.to_string()]);
    assert!(at_layers(layers) && !at_layers(layers + 1), "{fit}");
    let at_context = |tokens: u64| fits(&["--gpu-layers", "all", "--ctx", &tokens.to_string()]);
    assert!(at_context(context) && !at_context(context + 256), "{fit}");
    // Where the host cannot hold the rest, no number of layers is called fitting.
    let host = ["--budget", "host=8 MiB", "--gpu-layers", "4"];
    assert_eq!(with(&host)["fits"]["gpu_layers"], Value::Null);
    // At the longest context for all layers, all layers are the most.
    assert_eq!(with(&["--ctx", &context.to_string()])["fits"]["gpu_layers"], 31);
}

#[test]
fn a_wrong_device_is_told() {
    let home = empty_folder();
    for (devices, cause) in [
        (&["CUDA0"][..], "write it like CUDA0=24 GiB"),
        (&["=1 GiB"], "the GPU needs a name"),
        (&["host=1 GiB"], "host is no GPU; --budget"),
        (&["CUDA0=1 GiB", "CUDA0=2 GiB"], "--device names CUDA0 twice"),
    ] {
        let mut command = estimate(home.path(), &[]);
        for device in devices {
            command.args(["--device", device]);
        }
        let ended = ended(&mut command);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(cause), "{}", ended.stderr);
    }
}

#[test]
fn what_no_server_takes_is_refused_before_any_is_asked() {
    let home = empty_folder();
    let model = smollm2().display().to_string();
    for (arguments, cause) in [
        (&["--parallel", "257"][..], "'257' is no value for parallel: it takes 256 at most"),
        (&["--cache-type-v", "q8_0", "--flash-attn", "off"], "'off' is no value for flash_attention"),
        (&["--lora", &model], "a LoRA adapter is needed here, and this file is of another kind (text model)"),
        (&["--mmproj", &model], "a multimodal projector is needed here"),
    ] {
        let ended = ended(&mut estimate(home.path(), arguments));
        assert!(ended.stderr.contains(cause), "{}", ended.stderr);
    }
}

/// With the real server on the path.
fn estimate_here(home: &Path, arguments: &[&str]) -> Value {
    let server = llama_server();
    let mut command = estimate(home, &["--ctx", "1024", "--json"]);
    command.env("PATH", server.parent().expect("it is in a folder")).args(arguments);
    ended(&mut command).json()
}

#[test]
fn this_machines_server_is_asked_and_what_it_took_is_remembered() {
    let home = empty_folder();
    let asked = estimate_here(home.path(), &[]);
    assert_eq!((&asked["source"], &asked["margin_percent"]), (&"asked".into(), &1.into()));
    let imagined = estimate_here(home.path(), &["--device", "CUDA0=24 GiB"]);
    assert_eq!(imagined["source"], "computed");

    let mut run = run_smollm2(home.path());
    assert_eq!(ended(run.args(["--max-tokens", "1", "Hi"])).code, Some(0));
    let measured = estimate_here(home.path(), &[]);
    assert_eq!(measured["source"], "measured", "{measured}");
    assert_eq!(measured["devices"][0]["kv_cache"], asked["devices"][0]["kv_cache"]);
}
