//! The probe against real processes, real folders, the real Vulkan loader with Mesa's software
//! renderer, and fakes of drivers for cards this machine does not have.

#[cfg(target_os = "linux")]
mod cgroup_trees;
#[cfg(target_os = "linux")]
mod drm_trees;
#[cfg(target_os = "linux")]
mod fakes;
mod merging;
#[cfg(target_os = "linux")]
mod nvml;
#[cfg(target_os = "linux")]
mod processes;
mod this_machine;
#[cfg(target_os = "linux")]
mod together;
#[cfg(target_os = "linux")]
mod vulkan;

use std::time::Duration;

use loadmaster_sysprobe::{Probe, answer_if_asked};

/// Where the children enter: [`children_are_this_test`] starts this executable again with the
/// arguments that select this test. Run as a test, it shows that nobody is asked unasked.
#[test]
fn child_entry() {
    answer_if_asked();
    assert!(Probe::in_own_child().is_ok(), "a program that answers can be started again");
}

/// A probe whose children run [`child_entry`] of this test executable. They may take a minute, for
/// the machine may have other things to do.
fn children_are_this_test() -> Probe {
    let own = std::env::current_exe().expect("a test knows its own executable");
    Probe::in_child(own, ["--exact", "child_entry"]).deadline(Duration::from_mins(1))
}
