//! What is shown while a server is slow, and how to end it.

use serde_json::json;

use super::{
    command, empty_folder,
    fake_hub::{FakeHub, Fault, Reply},
    smollm2,
};
use crate::command::terminal::in_terminal;

#[test]
fn progress_is_shown_on_a_terminal_and_ctrl_c_ends_it_and_leaves_nothing() {
    let hub = FakeHub::start(|request| match request.range() {
        Some((0, _)) => Reply::range(&smollm2(), request),
        _ => Reply::range(&smollm2(), request).fails(32 * 1024, Fault::Stall),
    });
    let (home, temporary) = (empty_folder(), empty_folder());
    for name in ["inspect", "estimate"] {
        let mut command = command(home.path(), name, hub.url("/a.gguf"));
        command.env("TMPDIR", temporary.path());
        let steps = json!([["expect", "reading the header of a.gguf: 96.0 KiB"], ["type", "\u{3}"]]);
        let shown = in_terminal(&command, &steps);
        assert_eq!(shown.code, 130, "{}", shown.rest);
        assert!(!shown.rest.contains("error:"), "{}", shown.rest);
    }
    assert_eq!(std::fs::read_dir(temporary.path()).expect("it is a folder").count(), 0);
}
