//! The command as it ships.

use super::{empty_folder, ended};
use crate::support::{process, shipped_binary};

/// A backend that nothing names is dropped by the linker without a word, and link-time optimisation drops
/// most of all.
#[test]
fn shipped_binary_lists_its_backends() {
    let home = empty_folder();
    let mut command = process(shipped_binary());
    let probe = ended(command.args(["probe", "--json"]).env("LOADMASTER_HOME", home.path())).json();
    let backends = probe["backends"].as_array().expect("it lists its backends");
    let ids: Vec<_> = backends.iter().map(|backend| backend["id"].as_str()).collect();
    assert_eq!(ids, [Some("llama"), Some("sd")]);
}
