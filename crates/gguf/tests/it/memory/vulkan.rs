//! What llama-server b10434 reported for the models of `models.rs` with Vulkan in software as the device
//! (llvmpipe: no buffer of more than 128 MiB), as in `engine.rs`.

use loadmaster_gguf::TensorType;

use super::{
    engine::{Buffers, Row, row},
    models::Model,
};

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    row(Model::Dense, [4096, 9, 1], false, TensorType::F16, Some(Buffers(633, 64, 150.01)), Buffers(266, 0, 18.01)),
    row(Model::Dense, [8192, 9, 4], true, TensorType::F16, Some(Buffers(633, 128, 78.51)), Buffers(266, 0, 10.01)),
    row(Model::Dense, [8192, 4, 1], true, TensorType::Q8_0, Some(Buffers(237, 25, 94.41)), Buffers(662, 42, 16.09)),
    row(Model::Dense, [16384, 4, 1], true, TensorType::F16, Some(Buffers(237, 96, 103.25)), Buffers(662, 160, 24.01)),
    row(Model::Mamba, [4096, 7, 1], false, TensorType::F16, Some(Buffers(245, 15, 64.28)), Buffers(130, 0, 10.0)),
    row(Model::Mamba, [8192, 7, 4], true, TensorType::F16, Some(Buffers(245, 61, 72.15)), Buffers(130, 0, 10.0)),
    row(Model::Mamba, [8192, 3, 1], true, TensorType::Q8_0, Some(Buffers(81, 5, 61.50)), Buffers(293, 10, 49.12)),
    row(Model::Mamba, [16384, 3, 1], true, TensorType::F16, Some(Buffers(81, 5, 61.50)), Buffers(293, 10, 49.12)),
    row(Model::Gemma3n, [4096, 23, 1], false, TensorType::F16, Some(Buffers(418, 32, 116.01)), Buffers(221, 0, 27.01)),
    row(Model::Gemma3n, [8192, 23, 4], true, TensorType::F16, Some(Buffers(418, 96, 62.02)), Buffers(221, 0, 18.02)),
    row(Model::Gemma3n, [8192, 11, 1], true, TensorType::Q8_0, Some(Buffers(219, 11, 66.02)), Buffers(420, 13, 24.18)),
    row(Model::Gemma3n, [16384, 11, 1], true, TensorType::F16, Some(Buffers(219, 38, 74.02)), Buffers(420, 42, 32.02)),
    row(Model::Gemma4, [4096, 9, 1], false, TensorType::F16, Some(Buffers(190, 14, 102.01)), Buffers(102, 0, 22.01)),
    row(Model::Gemma4, [8192, 9, 4], true, TensorType::F16, Some(Buffers(190, 32, 43.02)), Buffers(102, 0, 11.02)),
    row(Model::Gemma4, [8192, 4, 1], true, TensorType::Q8_0, Some(Buffers(93, 0, 59.78)), Buffers(199, 10, 18.30)),
    row(Model::Gemma4, [16384, 4, 1], true, TensorType::F16, Some(Buffers(93, 0, 94.25)), Buffers(199, 36, 25.02)),
    row(Model::Rwkv, [4096, 5, 1], false, TensorType::F16, Some(Buffers(121, 1, 40.26)), Buffers(68, 0, 4.0)),
    row(Model::Rwkv, [8192, 5, 4], true, TensorType::F16, Some(Buffers(121, 4, 41.03)), Buffers(68, 0, 4.0)),
    row(Model::Rwkv, [8192, 2, 1], true, TensorType::Q8_0, Some(Buffers(81, 0, 36.26)), Buffers(108, 0, 4.26)),
    row(Model::Rwkv, [16384, 2, 1], true, TensorType::F16, Some(Buffers(81, 0, 36.26)), Buffers(108, 0, 4.26)),
    row(Model::Delta, [4096, 5, 1], false, TensorType::F16, Some(Buffers(152, 11, 92.01)), Buffers(68, 0, 14.01)),
    row(Model::Delta, [8192, 5, 4], true, TensorType::F16, Some(Buffers(152, 28, 46.30)), Buffers(68, 0, 6.02)),
    row(Model::Delta, [8192, 2, 1], true, TensorType::Q8_0, Some(Buffers(86, 8, 38.16)), Buffers(133, 3, 22.35)),
    row(Model::Delta, [16384, 2, 1], true, TensorType::F16, Some(Buffers(86, 32, 38.16)), Buffers(133, 3, 30.09)),
    row(Model::Sparse, [4096, 3, 1], false, TensorType::F16, Some(Buffers(109, 11, 456.45)), Buffers(68, 0, 22.07)),
    row(Model::Sparse, [8192, 3, 4], true, TensorType::F16, Some(Buffers(109, 22, 188.07)), Buffers(68, 0, 24.07)),
    row(Model::Sparse, [8192, 1, 1], true, TensorType::Q8_0, Some(Buffers(68, 0, 89.19)), Buffers(109, 11, 38.07)),
    row(Model::Sparse, [16384, 1, 1], true, TensorType::F16, Some(Buffers(68, 0, 125.19)), Buffers(109, 44, 70.07)),
    row(Model::Buckets, [4096, 5, 1], false, TensorType::F16, Some(Buffers(53, 48, 45.50)), Buffers(25, 0, 5.0)),
    row(Model::Buckets, [8192, 5, 4], true, TensorType::F16, Some(Buffers(53, 96, 45.0)), Buffers(25, 0, 4.50)),
    row(Model::Buckets, [8192, 2, 1], true, TensorType::Q8_0, Some(Buffers(32, 12, 44.0)), Buffers(46, 38, 15.0)),
    row(Model::Buckets, [16384, 2, 1], true, TensorType::F16, Some(Buffers(32, 48, 44.0)), Buffers(46, 144, 15.0)),
    row(Model::NextToken, [4096, 6, 1], false, TensorType::F16, Some(Buffers(129, 20, 77.01)), Buffers(68, 0, 13.01)),
    row(Model::NextToken, [8192, 6, 4], true, TensorType::F16, Some(Buffers(129, 40, 30.01)), Buffers(68, 0, 6.01)),
    row(Model::NextToken, [8192, 2, 1], true, TensorType::Q8_0, Some(Buffers(68, 4, 41.75)), Buffers(129, 17, 12.09)),
    row(Model::NextToken, [16384, 2, 1], true, TensorType::F16, Some(Buffers(68, 16, 57.06)), Buffers(129, 64, 20.01)),
];
