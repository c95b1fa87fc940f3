//! Proofs of the real server, on the processor and on the software renderer of Vulkan where there is one.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use loadmaster_binaries::{Fault, Program, Prover, Variant, Worked, write_tiny_model};
use loadmaster_supervise::{Spec, Supervisor};

use crate::builds::llama_server;

pub(crate) fn prover(env: &[(&str, &str)]) -> Prover {
    Prover::new(Supervisor::new(None), env.iter().map(|(name, value)| (name.into(), value.into())).collect())
}

/// A script: a fake for what real builds do only when they are broken.
pub(crate) fn fake(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("program");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    (folder, path)
}

#[tokio::test]
async fn the_real_server_starts_and_works_on_the_processor() {
    let server = llama_server();
    assert!(prover(&[]).starts(Program::Llama, &server).await.unwrap().is_some());
    let worked = prover(&[]).works(Program::Llama, &server, Variant::Cpu).await.unwrap();
    assert_eq!(worked, Some(Worked { device: None }));
}

/// What the server lists when it may use renderers that run on the processor.
async fn software_devices() -> Vec<String> {
    let spec = Spec::new(llama_server()).arg("--list-devices").env("GGML_VK_VISIBLE_DEVICES", "0");
    let exit = Supervisor::new(None).spawn(spec).await.unwrap().exit().wait().await;
    exit.last_lines.iter().filter(|line| line.trim().starts_with("Vulkan0")).cloned().collect()
}

#[tokio::test]
async fn vulkan_is_proven_on_the_device_that_there_is() {
    let server = llama_server();
    let listed = software_devices().await;
    let result =
        prover(&[("GGML_VK_VISIBLE_DEVICES", "0")]).works(Program::Llama, &server, Variant::Vulkan).await;
    if listed.is_empty() {
        assert!(matches!(result, Err(Fault::NoDevice { .. })), "{result:?}");
    } else {
        // It says where its buffers are: not on the processor.
        assert_eq!(result.unwrap(), Some(Worked { device: Some("Vulkan0".to_owned()) }));
    }
    let none = prover(&[("GGML_VK_VISIBLE_DEVICES", "99"), ("VK_DRIVER_FILES", "/nonexistent.json")]);
    let fault = none.works(Program::Llama, &server, Variant::Vulkan).await.unwrap_err();
    assert!(matches!(fault, Fault::NoDevice { variant: Variant::Vulkan, .. }), "{fault}");
    let fault = prover(&[]).works(Program::Llama, &server, Variant::Cuda).await.unwrap_err();
    assert!(matches!(fault, Fault::NoDevice { variant: Variant::Cuda, .. }), "{fault}");
}

#[tokio::test]
async fn a_server_that_computes_elsewhere_is_found_out() {
    // It lists a device, and leaves it alone.
    let text = format!(
        "[ \"$1\" = --list-devices ] && {{ echo 'Available devices:'; echo '  CUDA0: A card (1 MiB)'; exit 0; }}\n\
         for word; do shift; [ \"$word\" = CUDA0 ] && word=none; set -- \"$@\" \"$word\"; done\n\
         exec '{}' \"$@\"",
        llama_server().display()
    );
    let (_folder, path) = fake(&text);
    let fault = prover(&[]).works(Program::Llama, &path, Variant::Cuda).await.unwrap_err();
    assert_eq!(fault, Fault::NotOnDevice { device: "CUDA0".to_owned() });
}

#[tokio::test]
async fn stdin_is_closed() {
    // A program that waits for input gets the end of it.
    let (_folder, path) = fake("read line; echo \"version: got $?\"");
    let version = prover(&[]).starts(Program::Llama, &path).await.unwrap();
    assert_eq!(version.as_deref(), Some("got 1"));
}

#[tokio::test]
async fn a_file_that_may_not_be_run_is_told() {
    let (_folder, path) = fake("exit 0");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let fault = prover(&[]).starts(Program::Llama, &path).await.unwrap_err();
    assert!(matches!(fault, Fault::NotExecutable { .. }), "{fault}");
    assert!(fault.remedy().unwrap().contains("noexec"));
}

#[test]
fn the_model_is_a_few_hundred_kilobytes() {
    let file = tempfile::NamedTempFile::new().unwrap();
    write_tiny_model(file.path()).unwrap();
    let bytes = fs::metadata(file.path()).unwrap().len();
    assert!((300_000..700_000).contains(&bytes), "{bytes}");
}
