//! Models in several files.

use std::{fs, io::Cursor, path::Path};

use loadmaster_gguf::{Facts, GgufError, Header, Shard, WeightSizes, shard_names, shard_paths};

use crate::writer::{Gguf, V, model, s};

/// The files of a model of three: metadata alone, then two layers each in a file of its own.
fn files() -> Vec<Gguf> {
    let split = |file: Gguf, number| {
        file.kv("split.no", V::U16(number)).kv("split.count", V::U16(3)).kv("split.tensors.count", V::I32(3))
    };
    vec![
        split(Gguf::new().kv("general.architecture", s("llama")).kv("llama.block_count", V::U32(2)), 0),
        split(Gguf::new().tensor("blk.0.attn_q.weight", &[50], 0, 200), 1),
        split(
            Gguf::new().tensor("blk.1.attn_q.weight", &[64, 64], 2, 2304).tensor(
                "output.weight",
                &[3],
                0,
                12,
            ),
            2,
        ),
    ]
}

fn header(bytes: &[u8]) -> Header {
    Header::read(Cursor::new(bytes), None).expect("a valid file")
}

fn headers() -> Vec<Header> {
    files().iter().map(|file| header(&file.file())).collect()
}

fn name(number: usize) -> String {
    format!("tiny-{number:05}-of-00003.gguf")
}

/// Writes the files that `keep` says, and opens the model by the file of this number.
fn open(keep: &[usize], by: usize) -> Result<Header, GgufError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (number, file) in (1..).zip(files()) {
        if keep.contains(&number) {
            fs::write(folder.path().join(name(number)), file.file()).expect("written");
        }
    }
    Header::open_model(folder.path().join(name(by)))
}

#[test]
fn the_names_of_a_split_model_follow_from_one() {
    let expected: Vec<_> = (1..=3).map(name).collect();
    for number in 1..=3 {
        assert_eq!(shard_names(&name(number)), Some(expected.clone()));
    }
    let paths = shard_paths(Path::new("some/where/tiny-00002-of-00003.gguf")).expect("a shard");
    assert_eq!(paths.len(), 3);
    assert_eq!(paths[0], Path::new("some/where/tiny-00001-of-00003.gguf"));
    for other in [
        "tiny.gguf",
        "tiny-00004-of-00003.gguf",
        "tiny-00000-of-00003.gguf",
        "tiny-1-of-3.gguf",
        "tiny-+0001-of-00003.gguf",
        "tiny-00001-of-00003.bin",
        "00001-of-00003.gguf",
        "-of-.gguf",
        "",
    ] {
        assert_eq!(shard_names(other), None, "{other}");
    }
}

#[test]
fn any_file_opens_the_whole_model() {
    for by in 1..=3 {
        let model = open(&[1, 2, 3], by).expect("a whole model");
        assert_eq!(model.architecture(), Some("llama"));
        assert_eq!(model.shard(), None);
        assert_eq!(model.metadata().len(), 2);
        let offsets: Vec<_> = model.tensors().iter().map(|tensor| tensor.offset).collect();
        // 200 bytes of the second file, padded to 224, then the third.
        assert_eq!(offsets, [0, 224, 224 + 2304]);
        assert!(model.tensor("output.weight").is_some());
        let length = model.file_len().expect("known");
        model.check_complete(length).expect("complete");
        let sizes = WeightSizes::of(&model);
        assert_eq!((sizes.total_bytes, sizes.exact), (200 + 2304 + 12, true));
        assert_eq!(sizes.layer_bytes, [200, 2304]);
        let facts = Facts::of(&model);
        assert_eq!((facts.tensor_count, facts.shard), (3, None));
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = open(&[1, 3], 1).expect_err("the second is missing");
    assert!(matches!(error, GgufError::ShardNotFound { count: 3, .. }), "{error}");
    assert!(error.to_string().contains("tiny-00002-of-00003.gguf"), "{error}");
    let error = open(&[1, 3], 2).expect_err("the one that is named is missing");
    assert!(matches!(error, GgufError::NotFound { .. }), "{error}");
}

#[test]
fn a_renamed_file_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["model.gguf", "tiny-00001-of-00002.gguf"] {
        let path = folder.path().join(name);
        fs::write(&path, files()[0].file()).expect("written");
        let error = Header::open_model(&path).expect_err("renamed");
        assert!(matches!(error, GgufError::ShardName { count: 3, .. }), "{error}");
        assert!(error.to_string().contains("-of-00003.gguf"), "{error}");
    }
}

#[test]
fn a_model_in_one_file_is_opened_as_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // The name of a shard alone does not make one.
    let path = folder.path().join("tiny-00001-of-00003.gguf");
    fs::write(&path, model().file()).expect("written");
    let opened = Header::open_model(&path).expect("a whole model");
    assert_eq!(opened.tensors().len(), 7);
    let merged = Header::merged(vec![opened.clone()]).expect("one file");
    assert_eq!(merged.tensors(), opened.tensors());
    assert_eq!(merged.file_len(), opened.file_len());
}

#[test]
fn what_is_missing_of_any_file_is_missing_of_the_model() {
    for (index, file) in files().iter().enumerate().skip(1) {
        let mut headers = headers();
        let whole = file.file();
        headers[index] = header(&whole[..whole.len() - 1]);
        let merged = Header::merged(headers).expect("headers are whole");
        let length = merged.file_len().expect("known");
        let error = merged.check_complete(length).expect_err("a byte is missing");
        let GgufError::TruncatedData { expected, actual } = error else { panic!("{error}") };
        assert_eq!(expected, actual + 1);
    }
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let order = |headers, place| {
        let error = Header::merged(headers).expect_err("wrong");
        assert!(matches!(error, GgufError::ShardOrder { place: at, .. } if at == place), "{error}");
        assert!(error.remedy().ends_with('.'));
    };
    order(Vec::new(), 0);
    let mut swapped = headers();
    swapped.swap(1, 2);
    order(swapped, 1);
    order(headers().split_off(1), 0);
    order(headers()[..2].to_vec(), 0);
    order(vec![headers()[0].clone(), header(&model().file()), headers()[2].clone()], 1);

    let mut fewer = headers();
    let lost = Gguf::new().kv("split.no", V::U16(2)).kv("split.count", V::U16(3));
    fewer[2] = header(&lost.file());
    let error = Header::merged(fewer).expect_err("two tensors are lost");
    assert!(matches!(error, GgufError::ShardTensors { expected: 3, actual: 1 }), "{error}");
}

#[test]
fn a_tensor_in_two_files_is_refused() {
    let mut twice = headers();
    let same = Gguf::new()
        .kv("split.no", V::U16(2))
        .kv("split.count", V::U16(3))
        .tensor("blk.0.attn_q.weight", &[50], 0, 200)
        .tensor("output.weight", &[3], 0, 12);
    twice[2] = header(&same.file());
    let error = Header::merged(twice).expect_err("twice");
    assert!(matches!(error, GgufError::DuplicateTensor { .. }), "{error}");
}

#[test]
fn offsets_beyond_any_file_are_refused() {
    let far = |number, name: &[u8]| {
        let file = Gguf::new().kv("split.no", V::U16(number)).kv("split.count", V::U16(2)).tensor_at(
            name,
            &[1],
            0,
            (1 << 63) - 32,
            0,
        );
        header(&file.header())
    };
    let error = Header::merged(vec![far(0, b"a"), far(1, b"b")]).expect_err("too far");
    assert!(matches!(error, GgufError::TensorTooLarge { .. }), "{error}");
}

#[test]
fn the_shard_of_a_file_is_told() {
    let expected = Shard { index: 2, count: 3, tensor_count: Some(3) };
    assert_eq!(headers()[2].shard(), Some(expected));
    assert_eq!(header(&model().file()).shard(), None);
}
