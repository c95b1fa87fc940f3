//! One prompt, one answer.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{Ended, empty_folder, ended, run_smollm2};

const QUESTION: &str = "What is the capital of France? Answer in one word.";

/// Runs `command` with `text` on standard input.
fn told(command: &mut Command, text: &str) -> Ended {
    let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = streams.spawn().expect("the command starts");
    child.stdin.take().expect("it is piped").write_all(text.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
fn the_answer_is_all_there_is_on_stdout() {
    let home = empty_folder();
    let run = || {
        let mut command = run_smollm2(home.path());
        command.args(["--max-tokens", "24"]);
        command
    };
    let as_json = ended(run().args([QUESTION, "--json"])).json();
    let text = as_json["text"].as_str().expect("the answer is text");
    assert!(text.contains("Paris"), "{text}");

    let plain = ended(run().arg(QUESTION));
    assert_eq!((plain.code, plain.stdout), (Some(0), format!("{text}\n")));
    let tokens = as_json["usage"]["completion_tokens"].as_u64().expect("tokens are counted");
    assert!(plain.stderr.starts_with(&format!("{tokens} tokens, ")), "{}", plain.stderr);
    assert_eq!(plain.stderr.lines().count(), 1, "{}", plain.stderr);

    let piped = told(&mut run(), QUESTION);
    assert_eq!((piped.code, piped.stdout), (Some(0), format!("{text}\n")));
}

#[test]
fn json_has_usage_timings_plan_and_memory() {
    let home = empty_folder();
    let answer = ended(run_smollm2(home.path()).args(["--max-tokens", "4", "--json", "Hi"])).json();
    assert_eq!(answer["usage"]["completion_tokens"], 4);
    assert_eq!((&answer["finish_reason"], &answer["interrupted"]), (&"length".into(), &false.into()));
    assert_eq!(answer["timings"]["predicted_n"], 4);
    let speed = answer["timings"]["predicted_per_second"].as_f64();
    assert!(speed.is_some_and(|speed| speed > 0.0), "{speed:?}");
    assert_eq!(answer["plan"]["settings"]["context_length"], 1024);
    assert_eq!(answer["plan"]["model"]["id"], answer["model"]);
    assert_eq!(answer["memory"]["source"], "measured");
    let devices = answer["memory"]["devices"].as_array().expect("memory is per device");
    let host = devices.iter().find(|device| device["id"] == "host").expect("the host has some");
    let bytes = |name: &str| host[name].as_u64().unwrap_or_else(|| panic!("{name}: {host}"));
    assert_eq!(bytes("total"), ["weights", "kv_cache", "compute", "other"].map(bytes).iter().sum::<u64>());
    assert!(bytes("weights") > 0 && bytes("kv_cache") > 0, "{host}");
    // The whole answer is there too.
    assert!(answer["text"].as_str().is_some_and(|text| !text.is_empty()), "{}", answer["text"]);
    assert_ne!(answer["plan"]["server"], Value::Null);
}

#[test]
fn stats_show_expected_beside_actual_memory() {
    let home = empty_folder();
    let run = ended(run_smollm2(home.path()).args(["--stats", "--max-tokens", "1", "Hi"]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let row = |start: &str| {
        let line = run.stderr.lines().find(|line| line.starts_with(start));
        line.unwrap_or_else(|| panic!("no row '{start}':\n{}", run.stderr))
    };
    assert!(row("machine ").contains("free: host RAM "), "{}", run.stderr);
    assert!(row("plan ").contains("context_length 1024, gpu_layers "), "{}", run.stderr);
    assert_eq!(
        row("memory ").split_whitespace().collect::<Vec<_>>(),
        ["memory", "weights", "KV", "cache", "compute", "other", "total"]
    );
    for name in ["host expected (asked)", "host actual"] {
        // Five amounts of number and unit.
        let words = name.split(' ').count() + 5 * 2;
        assert_eq!(row(name).split_whitespace().count(), words, "{}", run.stderr);
    }
    assert!(row("process resident").ends_with("iB"), "{}", run.stderr);
}
