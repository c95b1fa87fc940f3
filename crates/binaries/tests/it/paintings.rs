//! Proofs of the real stable-diffusion.cpp, and of builds that only seem to paint.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use loadmaster_binaries::{Fault, Program, Request, Stage, Variant, Worked, write_tiny_painter};

use crate::{
    archives::Entry,
    builds::{Setup, sd_cli, sd_server},
    proofs::{fake, prover},
};

const SD: Program = Program::Sd;

#[tokio::test]
async fn the_real_build_paints_on_the_processor() {
    let cli = sd_cli();
    prover(&[]).starts(SD, &cli).await.unwrap();
    let worked = prover(&[]).works(SD, &cli, Variant::Cpu).await.unwrap();
    assert_eq!(worked, Some(Worked { device: None }));
    // The server is proven by the program beside it, which computes with the same code.
    let folder = tempfile::tempdir().unwrap();
    for program in [sd_cli(), sd_server()] {
        symlink(&program, folder.path().join(program.file_name().unwrap())).unwrap();
    }
    let server = folder.path().join("sd-server");
    prover(&[]).starts(SD, &server).await.unwrap();
    assert_eq!(prover(&[]).works(SD, &server, Variant::Cpu).await.unwrap(), Some(Worked { device: None }));
    fs::remove_file(folder.path().join("sd-cli")).unwrap();
    assert_eq!(prover(&[]).works(SD, &server, Variant::Cpu).await.unwrap(), None);
}

#[tokio::test]
async fn a_build_for_the_processor_is_no_build_for_a_card() {
    for variant in [Variant::Vulkan, Variant::Cuda, Variant::Metal] {
        let fault = prover(&[]).works(SD, &sd_cli(), variant).await.unwrap_err();
        assert_eq!(fault, Fault::NoDevice { variant, seen: vec!["CPU".to_owned()] });
    }
}

/// The real build, whose log is made to speak of a card: a fake, because there is no card.
fn with_a_card(more: &str) -> String {
    let devices = "s/ #0: CPU/ #0: CUDA0/;s/backend: CPU/backend: CUDA0/";
    format!("'{}' \"$@\" | sed -u '{devices}{more}'", sd_cli().display())
}

#[tokio::test]
async fn a_build_that_computes_elsewhere_is_found_out() {
    let (_folder, path) = fake(&with_a_card(""));
    let fault = prover(&[]).works(SD, &path, Variant::Cuda).await.unwrap_err();
    assert_eq!(fault, Fault::NotOnDevice { device: "CUDA0".to_owned() });
    // One part alone is not enough.
    let (_folder, path) = fake(&with_a_card(";/flux/s/(RAM)/(VRAM)/"));
    let fault = prover(&[]).works(SD, &path, Variant::Cuda).await.unwrap_err();
    assert_eq!(fault, Fault::NotOnDevice { device: "CUDA0".to_owned() });
    let (_folder, path) = fake(&with_a_card(";s/(RAM)/(VRAM)/"));
    let worked = prover(&[]).works(SD, &path, Variant::Cuda).await.unwrap();
    assert_eq!(worked, Some(Worked { device: Some("CUDA0".to_owned()) }));
}

#[tokio::test]
async fn a_success_without_a_picture_is_none() {
    let (_folder, path) = fake("exit 0");
    let fault = prover(&[]).works(SD, &path, Variant::Cpu).await.unwrap_err();
    assert!(matches!(&fault, Fault::WrongAnswer { cause } if cause.contains("no picture")), "{fault}");
    // What a full disk leaves, with the same exit code: the real build, and a picture that is cut afterwards.
    for (bytes, expected) in [(0, "is no PNG"), (4096, "ends in the middle")] {
        let cut = format!("'{}' \"$@\" && truncate -s {bytes} picture.png", sd_cli().display());
        let (_folder, path) = fake(&cut);
        let fault = prover(&[]).works(SD, &path, Variant::Cpu).await.unwrap_err();
        assert!(matches!(&fault, Fault::WrongAnswer { cause } if cause.contains(expected)), "{fault}");
    }
}

#[tokio::test]
async fn a_build_that_breaks_says_why() {
    let (_folder, path) = fake("[ \"$1\" = --help ] || kill -SEGV $$");
    prover(&[]).starts(SD, &path).await.unwrap();
    let fault = prover(&[]).works(SD, &path, Variant::Cpu).await.unwrap_err();
    assert!(matches!(fault, Fault::Crashed { .. }), "{fault}");
    // The real one, which is not told where to find the decoder.
    let (_folder, path) = fake(&format!("rm *decoder*; exec '{}' \"$@\"", sd_cli().display()));
    let fault = prover(&[]).works(SD, &path, Variant::Cpu).await.unwrap_err();
    assert!(matches!(&fault, Fault::Failed { how, .. } if how == "exit code 1"), "{fault}");
}

/// The real program, which asks for a library that no system has.
#[cfg(target_os = "linux")]
fn without_a_library() -> Vec<u8> {
    let mut bytes = fs::read(sd_cli()).unwrap();
    let (name, other) = (b"libstdc++.so.6\0", b"libabsent.so.6\0");
    let at = bytes.windows(name.len()).position(|window| window == name).expect("it is written in C++");
    bytes[at..at + other.len()].copy_from_slice(other);
    bytes
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_library_that_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sd-cli");
    fs::write(&path, without_a_library()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let fault = prover(&[]).starts(SD, &path).await.unwrap_err();
    assert_eq!(fault, Fault::MissingLibrary { library: Some("libabsent.so.6".to_owned()) });
}

/// The program under another roof.
fn entry(name: &str, program: &Path) -> Entry {
    let text = format!("#!/bin/sh\nexec '{}' \"$@\"\n", program.display());
    Entry::File(format!("top/{name}").into(), text.into(), 0o755)
}

#[tokio::test]
async fn the_first_build_that_paints_is_installed() {
    let mut setup = Setup::new();
    let both = [entry("sd-cli", &sd_cli()), entry("sd-server", &sd_server())];
    setup.painter("for-a-card", "[\"vulkan\"]", &both);
    let silent = Entry::File(b"sd-cli".to_vec(), b"#!/bin/sh\nexit 0\n".to_vec(), 0o755);
    setup.painter("no-picture", "[\"cpu\"]", &[silent]);
    setup.painter("works", "[\"cpu\"]", &both);
    let library = setup.library();
    let found = library.install(&Request::new(SD), &setup.host, &setup.observer()).await.unwrap();
    assert_eq!((found.build.as_str(), found.proof.worked), ("works", true));
    // A server is what stays; where there is none, the command.
    assert!(found.program.ends_with("builds/works/sd-server"), "{}", found.program.display());
    let causes: Vec<_> =
        found.attempts.iter().map(|attempt| (attempt.stage, attempt.cause.as_str())).collect();
    assert_eq!(causes[0], (Stage::Prove, "it sees no device for vulkan, only CPU"));
    assert!(causes[1].1.contains("no picture"), "{causes:?}");
    assert!(library.find(SD, &setup.host, &setup.observer()).await.unwrap().remembered);
}

#[test]
fn the_model_is_less_than_a_megabyte() {
    let folder = tempfile::tempdir().unwrap();
    write_tiny_painter(folder.path()).unwrap();
    let sizes = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len());
    let bytes: u64 = sizes.sum();
    assert!((500_000..1_000_000).contains(&bytes), "{bytes}");
}
