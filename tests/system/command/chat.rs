//! A chat in a real terminal.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    empty_folder, run_smollm2,
    terminal::{Shown, in_terminal},
};

/// What a terminal sends for Ctrl-C and Ctrl-D.
const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";

/// Chats in a pseudo-terminal.
fn chat(home: &Path, options: &[&str], steps: &Value) -> Shown {
    let mut command = run_smollm2(home);
    command.args(options);
    in_terminal(&command, steps)
}

#[test]
fn a_question_may_depend_on_the_one_before_until_all_is_forgotten() {
    let home = empty_folder();
    let question = "What is the secret word?\n";
    let steps = json!([
        ["expect", "\n> "],
        ["type", "The secret word is banana. Say only OK.\n"],
        ["expect", "\n> "],
        ["type", question],
        ["expect", "\n> "],
        ["type", "/clear\n"],
        ["expect", "\n> "],
        ["type", question],
        ["expect", "\n> "],
        ["type", "/exit\n"],
    ]);
    let shown = chat(home.path(), &["--max-tokens", "24"], &steps);
    let [start, _, reminded, _, forgot] = &shown.until[..] else { panic!("{:?}", shown.until) };
    assert!(start.contains("/clear forgets, /exit or Ctrl-D ends; Ctrl-C stops an answer"), "{start}");
    assert!(reminded.to_lowercase().contains("banana"), "{reminded}");
    assert!(!forgot.to_lowercase().contains("banana"), "{forgot}");
    assert_eq!((shown.code, shown.rest.as_str()), (0, "/exit\r\n"));
}

#[test]
fn ctrl_c_stops_an_answer_and_the_chat_goes_on() {
    let home = empty_folder();
    let steps = json!([
        ["expect", "\n> "],
        ["type", "Count from 1 to 1000, all numbers.\n"],
        // The answer has begun.
        ["expect", "numbers.\r\n"],
        ["expect", "2"],
        ["type", CTRL_C],
        ["expect", "stopped\r\n> "],
        // What it answers now depends on how far it had counted, which depends on the machine.
        ["type", "What is the capital of France?\n"],
        ["expect", "France?\r\n"],
        ["expect", "\n> "],
        ["type", CTRL_C],
    ]);
    let shown = chat(home.path(), &["--max-tokens", "400"], &steps);
    let answer = &shown.until[5];
    assert!(answer.chars().any(char::is_alphanumeric) && !answer.contains("stopped"), "{answer:?}");
    assert_eq!(shown.code, 130, "{}", shown.rest);
}

#[test]
fn the_end_of_input_ends_the_chat() {
    let home = empty_folder();
    let shown = chat(home.path(), &[], &json!([["expect", "\n> "], ["type", CTRL_D]]));
    assert_eq!((shown.code, shown.rest.trim_matches(['^', 'D', '\u{8}'])), (0, "\r\n"));
}

#[test]
fn a_chat_is_not_printed_as_json() {
    let home = empty_folder();
    let shown = chat(home.path(), &["--json"], &json!([]));
    let red = "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m";
    let told = format!("{red} A chat cannot be printed as JSON\r\n  help: Give a prompt.\r\n");
    assert_eq!(shown.rest, told);
    assert_eq!(shown.code, 2);
}
