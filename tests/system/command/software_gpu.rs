//! A real GPU driver that every machine can have: Mesa's software Vulkan device.

use super::{empty_folder, ended, run_smollm2};

#[test]
fn layers_go_to_the_device_that_is_asked_for() {
    let home = empty_folder();
    let mut command = run_smollm2(home.path());
    // llama-server leaves software devices out, unless it is told which devices to see. A warm-up, a longer
    // prompt and a second token would each take seconds on this one.
    command.env("GGML_VK_VISIBLE_DEVICES", "0").args(["--gpu-layers", "2", "--device", "Vulkan0"]);
    command.args(["--extra", "no-warmup", "--system", "x", "--max-tokens", "1", "--stats", "--json", "Hi"]);
    let run = ended(&mut command);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let answer: serde_json::Value = serde_json::from_str(&run.stdout).expect("it is one JSON value");
    let settings = &answer["plan"]["settings"];
    assert_eq!((&settings["gpu_layers"], &settings["server_devices"][0]), (&2.into(), &"Vulkan0".into()));
    let device = settings["devices"][0].as_str().expect("the plan names the device");
    let measured = answer["memory"]["devices"].as_array().expect("memory is per device");
    let gpu = measured.iter().find(|part| part["id"] == device).expect("the device has some");
    assert!(gpu["weights"].as_u64().is_some_and(|bytes| bytes > 1 << 20), "{gpu}");
    assert!(gpu["kv_cache"].as_u64().is_some_and(|bytes| bytes > 0), "{gpu}");
    for what in ["expected", "actual"] {
        let row = format!("{device} {what}");
        assert!(run.stderr.lines().any(|line| line.starts_with(&row)), "{row}:\n{}", run.stderr);
    }
}
