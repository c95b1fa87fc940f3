//! What was asked for cannot be.

use super::{Folder, real_model};
use crate::command::ended;

#[test]
fn settings_that_no_plan_can_have() {
    let (folder, model) = (Folder::new(), real_model());
    let types = "it takes f32, f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0 or iq4_nl";
    for (options, cause) in [
        (["--cache-type-k", "q9"], format!("'q9' is no value for cache_type_k: {types}")),
        (["--ctx", "0"], "'0' is no value for context_length: it takes a whole number from 1 up".into()),
        (["--ubatch", "0"], "'0' is no value for ubatch_size: it takes a whole number from 1 up".into()),
        (
            ["--extra", "ctx-size=5"],
            "'ctx-size' is no value for extra: Loadmaster gives this flag itself; take its own setting"
                .into(),
        ),
    ] {
        folder.refused(&model, &options, 2, &cause, "Correct the value.");
    }
}

/// Checks what the command says of a line that it does not understand.
#[track_caller]
fn check(line: &[&str], cause: &str, remedy: &str) {
    ended(&mut Folder::new().command(line)).failed(2, cause, remedy);
}

#[test]
fn lines_that_the_command_does_not_understand() {
    let see = |command: &str| format!("See `loadmaster{command} --help`.");
    check(&["run", "m.gguf", "--xyz"], "unexpected argument '--xyz' found", &see(" run"));
    check(&["inspect", "m.gguf", "--xyz"], "unexpected argument '--xyz' found", &see(" inspect"));
    check(&["serve", "--xyz"], "unexpected argument '--xyz' found", &see(" serve"));
    check(&["run", "m.gguf", "--ctz", "1"], "unexpected argument '--ctz' found", "Did you mean '--ctx'?");
    check(&["juggle"], "unrecognized subcommand 'juggle'", &see(""));
    check(&["serv"], "unrecognized subcommand 'serv'", "Did you mean 'serve'?");
    check(&["run"], "the following required arguments were not provided: <MODEL>", &see(" run"));
    check(
        &["run", "m.gguf", "--budget", "host=lots"],
        "invalid value 'host=lots' for '--budget <DEVICE=AMOUNT>': 'lots' is not an amount of memory; write it \
         like 12 GiB, 1.5 GiB, 800 MiB or 4096 B",
        &see(" run"),
    );
    check(
        &["run", "m.gguf", "--flash-attn", "maybe"],
        "invalid value 'maybe' for '--flash-attn <WHEN>' [possible values: on, off, auto]",
        &see(" run"),
    );
    check(
        &["serve", "--gpu-layers", "some"],
        "invalid value 'some' for '--gpu-layers <N|all>': give a number, or all",
        &see(" serve"),
    );
}

#[test]
fn a_prompt_that_is_not_there() {
    let remedy = "Give one as an argument or on standard input.";
    check(&["run", "m.gguf"], "There is no prompt", remedy);
}

#[test]
fn an_address_that_is_none() {
    let remedy = "Write it like 127.0.0.1:11611; port 0 takes a free one.";
    for command in ["serve", "ps"] {
        check(&[command, "--listen", "nowhere"], "'nowhere' is not an address to listen on", remedy);
    }
}

#[test]
fn a_log_filter_that_is_none() {
    check(
        &["--log", "a=b=c", "probe"],
        "'a=b=c' is no filter of the log: error parsing level filter: expected one of \"off\", \"error\", \
         \"warn\", \"info\", \"debug\", \"trace\", or a number 0-5",
        "Write it like 'info' or 'info,loadmaster_orchestrator=debug'.",
    );
}
