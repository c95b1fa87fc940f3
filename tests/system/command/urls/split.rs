//! A model in several files: `SmolLM2`, split as llama.cpp's `llama-gguf-split` does it.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use loadmaster_gguf::{Header, TensorInfo};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::llama_server;

use super::{
    command, empty_folder, ended,
    fake_hub::{FakeHub, Reply},
    inspect, smollm2, smollm2_header, smollm2_inspected,
};

const PARTS: u16 = 3;

/// Ids of value types in the file format.
const UINT16: u32 = 2;
const INT32: u32 = 5;

fn name(number: usize) -> String {
    format!("split-{number:05}-of-{PARTS:05}.gguf")
}

/// Writes the parts; their data are zeros, which take no room on disk.
fn split() -> TempDir {
    let folder = empty_folder();
    let header = Header::open(smollm2()).expect("a model");
    let (half, rest) = header.tensors().split_at(header.tensors().len() / 2);
    // The first file has metadata alone, as `--no-tensor-first-split` writes it.
    for (index, tensors) in (0_u16..).zip([&[], half, rest]) {
        let metadata = if index == 0 { original_metadata(&header) } else { Vec::new() };
        let count = if index == 0 { header.metadata().iter().count() as u64 } else { 0 };
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend((tensors.len() as u64).to_le_bytes());
        bytes.extend((count + 3).to_le_bytes());
        bytes.extend(metadata);
        entry(&mut bytes, "split.no", UINT16, &index.to_le_bytes());
        entry(&mut bytes, "split.count", UINT16, &PARTS.to_le_bytes());
        let all = i32::try_from(header.tensors().len()).expect("a few hundred");
        entry(&mut bytes, "split.tensors.count", INT32, &all.to_le_bytes());
        let data = table(&mut bytes, tensors);
        write(&folder.path().join(name(usize::from(index) + 1)), &bytes, data);
    }
    folder
}

/// The bytes of the model's own metadata: what lies between its counts and its table of tensors.
fn original_metadata(header: &Header) -> Vec<u8> {
    let mut table = Vec::new();
    self::table(&mut table, header.tensors());
    let (start, end) = (24, header.header_bytes() - table.len() as u64);
    let mut bytes = Vec::new();
    let file = File::open(smollm2()).expect("the model is there");
    file.take(end).read_to_end(&mut bytes).expect("it can be read");
    bytes.split_off(start)
}

fn entry(bytes: &mut Vec<u8>, key: &str, kind: u32, value: &[u8]) {
    bytes.extend((key.len() as u64).to_le_bytes());
    bytes.extend(key.as_bytes());
    bytes.extend(kind.to_le_bytes());
    bytes.extend(value);
}

/// Writes the table of tensors, laid out anew; returns how many bytes of data they take.
fn table(bytes: &mut Vec<u8>, tensors: &[TensorInfo]) -> u64 {
    let mut offset = 0_u64;
    for tensor in tensors {
        bytes.extend((tensor.name.len() as u64).to_le_bytes());
        bytes.extend(tensor.name.as_bytes());
        bytes.extend(u32::try_from(tensor.dims.len()).expect("at most four").to_le_bytes());
        bytes.extend(tensor.dims.iter().flat_map(|length| length.to_le_bytes()));
        bytes.extend(tensor.kind.id().to_le_bytes());
        bytes.extend(offset.to_le_bytes());
        offset = (offset + tensor.byte_size().expect("a known type")).next_multiple_of(32);
    }
    offset
}

fn write(path: &Path, header: &[u8], data: u64) {
    let mut file = File::create(path).expect("the folder is writable");
    file.write_all(header).expect("the folder is writable");
    let length = (header.len() as u64).next_multiple_of(32) + data;
    file.set_len(length).expect("the file can grow");
}

/// A hub with the files of `folder`.
fn hub(folder: &Path) -> FakeHub {
    let folder = folder.to_owned();
    FakeHub::start(move |request| {
        let name = request.path.split('?').next().unwrap_or_default().trim_start_matches('/');
        let file: PathBuf = folder.join(name);
        if file.is_file() { Reply::range(&file, request) } else { Reply::text(404, "no such entry") }
    })
}

#[test]
fn a_split_model_is_one_model_here_and_at_a_url() {
    let folder = split();
    let hub = hub(folder.path());
    let whole = smollm2_inspected();
    for number in 1..=3 {
        let at_url = inspect(hub.url(&format!("/{}?download=true", name(number))), &["--json"]).json();
        assert_eq!(at_url, inspect(folder.path().join(name(number)), &["--json"]).json());
        for fact in ["architecture", "tensor_count", "tensor_bytes", "parameter_count", "vocab_size"] {
            assert_eq!(at_url["facts"][fact], whole["facts"][fact], "{fact}");
        }
        assert_eq!((&at_url["facts"]["shard"], &at_url["complete"]), (&Value::Null, &true.into()));
    }
    // Each time the headers of all three, of which the small ones end in the first window.
    let most = 3 * (smollm2_header() * 12 / 10 + 2 * 65_536);
    assert!(hub.body_bytes() <= most, "{} bytes", hub.body_bytes());
}

#[test]
fn a_split_model_is_estimated_as_the_whole() {
    let folder = split();
    let hub = hub(folder.path());
    let home = empty_folder();
    let estimate = |place: &std::ffi::OsStr| {
        let mut estimate = command(home.path(), "estimate", place);
        let mut json = ended(estimate.args(["--device", "CUDA0=24 GiB", "--ctx", "4096", "--json"])).json();
        json["model"].take();
        json
    };
    let whole = estimate(smollm2().as_os_str());
    for number in 1..=3 {
        assert_eq!(estimate(folder.path().join(name(number)).as_os_str()), whole);
        assert_eq!(estimate(hub.url(&format!("/{}", name(number))).as_ref()), whole);
    }
}

#[test]
fn the_server_is_given_the_first_part_whichever_is_named() {
    let folder = split();
    let home = empty_folder();
    let mut estimate = command(home.path(), "estimate", folder.path().join(name(3)));
    estimate.env("PATH", llama_server().parent().expect("it is in a folder"));
    let estimate = ended(estimate.args(["--ctx", "1024", "--json"])).json();
    assert_eq!(estimate["source"], "asked", "{estimate}");
}

#[test]
fn a_missing_part_is_not_found() {
    let folder = split();
    fs::remove_file(folder.path().join(name(2))).expect("it was there");
    let place = folder.path().join(name(1));
    let missing = folder.path().join(name(2));
    let cause = format!(
        "{} cannot be used: a part of the model is missing: there is no file {} (the model has 3 files)",
        place.display(),
        missing.display()
    );
    let remedy = "Download all files of the model into one folder and keep their names.";
    inspect(&place, &[]).failed(4, &cause, remedy);
    let home = empty_folder();
    ended(&mut command(home.path(), "estimate", &place)).failed(4, &cause, remedy);
    let run = ended(command(home.path(), "run", &place).arg("Hi"));
    run.failed(4, &format!("There is no file {}", missing.display()), "Check the path.");

    let hub = hub(folder.path());
    let ended = inspect(hub.url(&format!("/{}", name(1))), &[]);
    let remedy = "Check the address: the name of the file and of its branch must be right.";
    ended.failed(4, &format!("There is no file {}", hub.url(&format!("/{}", name(2)))), remedy);
}

#[test]
fn a_part_under_another_name_is_told() {
    let folder = split();
    fs::rename(folder.path().join(name(1)), folder.path().join("first.gguf")).expect("it was there");
    let hub = hub(folder.path());
    let cause = format!(
        "{} cannot be used: it is one of 3 files of a model, but its name does not end in -0000N-of-00003.gguf",
        hub.url("/first.gguf")
    );
    let remedy = "Give the files of the model the names they were published with.";
    inspect(hub.url("/first.gguf"), &[]).failed(1, &cause, remedy);
}
