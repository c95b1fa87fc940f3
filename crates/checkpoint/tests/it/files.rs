//! Files on disk, of each format.

use std::{fs, io::Write as _};

use loadmaster_checkpoint::{Checkpoint, CheckpointError, Contents, Family, Format, Parts, Role};

use crate::{
    models::{Model, flux, taesd},
    unet,
};

fn write(folder: &tempfile::TempDir, name: &str, model: &Model) -> std::path::PathBuf {
    let (mut bytes, length) = model.header();
    bytes.resize(usize::try_from(length).unwrap(), 0);
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn safetensors_are_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "model.safetensors", &flux(128, 1, 1, true));
    let file = Checkpoint::open(&path).unwrap();
    assert_eq!((file.format, file.contents()), (Format::Safetensors, Contents::Diffusion));
    assert_eq!(file.file_bytes, fs::metadata(&path).unwrap().len());
    assert_eq!(file.tensor("img_in.weight").unwrap().shape, [128, 64]);
    // Its tensors share their bytes.
    assert!(file.tensors.iter().map(|tensor| tensor.bytes).sum::<u64>() > file.file_bytes);

    let tiny = write(&folder, "tiny.safetensors", &taesd(16));
    let parts = Parts::open(&path).unwrap().with(Role::Taesd, &tiny).unwrap();
    assert_eq!(parts.family(), Some(Family::Flux1Dev));
    assert_eq!(parts.components().len(), 1);
}

#[test]
fn a_download_that_was_cut_off_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "model.safetensors", &unet::sd1(true));
    let bytes = fs::read(&path).unwrap();
    for keep in [bytes.len() - 1, 4096] {
        fs::write(&path, &bytes[..keep]).unwrap();
        let error = Checkpoint::open(&path).unwrap_err();
        assert!(matches!(error, CheckpointError::Safetensors { .. }), "{error}");
        assert_eq!(error.remedy(), "Download the file again: it is damaged or incomplete.");
    }
}

/// The header of a GGUF file with these tensors, none of whose data is there.
fn gguf(tensors: &[(&str, &[u64])]) -> Vec<u8> {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend((tensors.len() as u64).to_le_bytes());
    bytes.extend(0_u64.to_le_bytes());
    for (name, dims) in tensors {
        bytes.extend((name.len() as u64).to_le_bytes());
        bytes.extend(name.as_bytes());
        bytes.extend(u32::try_from(dims.len()).unwrap().to_le_bytes());
        dims.iter().for_each(|dim| bytes.extend(dim.to_le_bytes()));
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(0_u64.to_le_bytes());
    }
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    bytes
}

#[test]
fn gguf_is_opened_with_its_shapes_turned_round() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let tensors: &[(&str, &[u64])] = &[
        ("model.diffusion_model.double_blocks.0.img_attn.qkv.weight", &[32, 96]),
        ("model.diffusion_model.guidance_in.in_layer.weight", &[32, 32]),
        ("model.diffusion_model.img_in.weight", &[384, 32]),
    ];
    fs::write(&path, gguf(tensors)).unwrap();
    let parts = Parts::open(&path).unwrap();
    assert_eq!(parts.main().format, Format::Gguf);
    assert_eq!(parts.main().tensors[0].shape, [96, 32]);
    assert_eq!(parts.family(), Some(Family::Flux1Dev));
    assert_eq!(parts.task(), Some(loadmaster_checkpoint::Task::Inpaint));
}

#[test]
fn a_pickle_is_named_with_the_way_to_convert_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sd-v1-4.ckpt");
    let mut archive = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    archive.start_file("archive/data.pkl", zip::write::SimpleFileOptions::default()).unwrap();
    archive.write_all(b"\x80\x02}.").unwrap();
    archive.finish().unwrap();
    let error = Checkpoint::open(&path).unwrap_err();
    assert!(matches!(error, CheckpointError::Pickle { .. }));
    assert!(error.remedy().starts_with("Convert it once: sd-cli -M convert -m "), "{}", error.remedy());

    fs::write(&path, b"\x80\x02}q\x00.").unwrap();
    assert!(matches!(Checkpoint::open(&path), Err(CheckpointError::Pickle { .. })));
}

#[test]
fn what_is_no_model_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    fs::write(&path, "<!DOCTYPE html><html>Not found</html>").unwrap();
    let error = Checkpoint::open(&path).unwrap_err();
    assert!(error.to_string().ends_with("is no image model: it is a web page"), "{error}");
    let gone = folder.path().join("none");
    assert!(matches!(Checkpoint::open(gone), Err(CheckpointError::Read { .. })));
    assert!(matches!("clip".parse::<Role>(), Err(CheckpointError::UnknownRole { .. })));
}
