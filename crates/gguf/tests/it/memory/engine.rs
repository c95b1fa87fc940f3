//! What llama-server b10434 reported for the models of `models.rs`: `--fit on --verbosity 5`, which loads
//! nothing, with `ggml-rpc-server` as the device. Weights and caches in whole MiB, rounded down, as it
//! prints them; compute buffers to a hundredth.

use loadmaster_gguf::TensorType;

use super::models::Model;

/// MiB of weights, of caches and of the compute buffer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Buffers(pub(super) u64, pub(super) u64, pub(super) f64);

/// One load, and what the server reported for the device and for the host.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) model: Model,
    pub(super) context: u64,
    pub(super) gpu_layers: u64,
    pub(super) slots: u64,
    pub(super) flash_attention: bool,
    pub(super) cache: TensorType,
    pub(super) device: Option<Buffers>,
    pub(super) host: Buffers,
}

/// Context, GPU layers and slots; flash attention; cache type; device and host.
pub(super) const fn row(
    model: Model,
    [context, gpu_layers, slots]: [u64; 3],
    flash_attention: bool,
    cache: TensorType,
    device: Option<Buffers>,
    host: Buffers,
) -> Row {
    Row { model, context, gpu_layers, slots, flash_attention, cache, device, host }
}

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    row(Model::Dense, [4096, 0, 1], true, TensorType::F16, None, Buffers(899, 64, 84.51)),
    row(Model::Dense, [4096, 9, 1], false, TensorType::F16, Some(Buffers(899, 64, 154.01)), Buffers(266, 0, 18.01)),
    row(Model::Dense, [8192, 9, 4], true, TensorType::F16, Some(Buffers(899, 128, 78.51)), Buffers(266, 0, 10.01)),
    row(Model::Dense, [8192, 4, 1], true, TensorType::Q8_0, Some(Buffers(503, 25, 80.59)), Buffers(662, 42, 84.59)),
    row(Model::Window, [4096, 0, 1], true, TensorType::F16, None, Buffers(2033, 128, 132.02)),
    row(Model::Window, [4096, 9, 1], false, TensorType::F16, Some(Buffers(2033, 128, 312.01)), Buffers(265, 0, 40.01)),
    row(Model::Window, [8192, 9, 4], true, TensorType::F16, Some(Buffers(2033, 256, 120.02)), Buffers(265, 0, 20.02)),
    row(Model::Window, [8192, 4, 1], true, TensorType::Q8_0, Some(Buffers(928, 36, 128.67)), Buffers(1370, 55, 136.68)),
    row(Model::Experts, [4096, 0, 1], true, TensorType::F16, None, Buffers(13375, 96, 174.01)),
    row(Model::Experts, [4096, 7, 1], false, TensorType::F16, Some(Buffers(12746, 96, 852.01)), Buffers(629, 0, 28.01)),
    row(Model::Experts, [8192, 7, 4], true, TensorType::F16, Some(Buffers(12746, 192, 150.01)), Buffers(629, 0, 18.01)),
    row(Model::Experts, [8192, 3, 1], true, TensorType::Q8_0, Some(Buffers(5377, 34, 162.09)), Buffers(7998, 68, 178.09)),
    row(Model::Latent, [4096, 0, 1], true, TensorType::F16, None, Buffers(12336, 22, 412.01)),
    row(Model::Latent, [4096, 6, 1], false, TensorType::F16, Some(Buffers(11397, 22, 1410.01)), Buffers(938, 0, 36.01)),
    row(Model::Latent, [8192, 6, 4], true, TensorType::F16, Some(Buffers(11397, 45, 380.01)), Buffers(938, 0, 30.01)),
    row(Model::Latent, [8192, 2, 1], true, TensorType::Q8_0, Some(Buffers(4031, 4, 386.01)), Buffers(8305, 19, 416.01)),
    row(Model::Mamba, [4096, 0, 1], true, TensorType::F16, None, Buffers(375, 15, 69.28)),
    row(Model::Mamba, [4096, 7, 1], false, TensorType::F16, Some(Buffers(375, 15, 64.28)), Buffers(130, 0, 10.0)),
    row(Model::Mamba, [8192, 7, 4], true, TensorType::F16, Some(Buffers(375, 61, 72.15)), Buffers(130, 0, 10.0)),
    row(Model::Mamba, [8192, 3, 1], true, TensorType::Q8_0, Some(Buffers(212, 5, 69.22)), Buffers(293, 10, 69.28)),
    row(Model::Convolutions, [4096, 0, 1], true, TensorType::F16, None, Buffers(896, 24, 64.03)),
    row(Model::Convolutions, [4096, 9, 1], false, TensorType::F16, Some(Buffers(896, 24, 282.01)), Buffers(136, 0, 18.01)),
    row(Model::Convolutions, [8192, 9, 4], true, TensorType::F16, Some(Buffers(896, 48, 58.07)), Buffers(136, 0, 10.01)),
    row(Model::Convolutions, [8192, 4, 1], true, TensorType::Q8_0, Some(Buffers(374, 17, 64.06)), Buffers(657, 8, 68.06)),
    row(Model::Positions, [4096, 0, 1], true, TensorType::F16, None, Buffers(351, 150, 29.01)),
    row(Model::Positions, [4096, 7, 1], false, TensorType::F16, Some(Buffers(268, 150, 229.88)), Buffers(83, 0, 23.63)),
    row(Model::Positions, [8192, 7, 4], true, TensorType::F16, Some(Buffers(268, 300, 23.88)), Buffers(83, 0, 11.39)),
    row(Model::Positions, [8192, 3, 1], true, TensorType::Q8_0, Some(Buffers(143, 53, 29.91)), Buffers(207, 106, 33.04)),
    row(Model::Parallel, [4096, 0, 1], true, TensorType::F16, None, Buffers(744, 240, 49.01)),
    row(Model::Parallel, [4096, 7, 1], false, TensorType::F16, Some(Buffers(611, 240, 294.01)), Buffers(132, 0, 28.01)),
    row(Model::Parallel, [8192, 7, 4], true, TensorType::F16, Some(Buffers(611, 480, 42.01)), Buffers(132, 0, 12.01)),
    row(Model::Gemma3n, [4096, 0, 1], true, TensorType::F16, None, Buffers(639, 32, 63.02)),
    row(Model::Gemma3n, [4096, 23, 1], false, TensorType::F16, Some(Buffers(418, 32, 101.01)), Buffers(221, 0, 27.01)),
    row(Model::Gemma3n, [8192, 23, 4], true, TensorType::F16, Some(Buffers(418, 96, 56.02)), Buffers(221, 0, 18.02)),
    row(Model::Gemma3n, [8192, 11, 1], true, TensorType::Q8_0, Some(Buffers(219, 11, 48.17)), Buffers(420, 13, 66.18)),
    row(Model::Gemma4, [4096, 0, 1], true, TensorType::F16, None, Buffers(292, 12, 41.02)),
    row(Model::Gemma4, [4096, 9, 1], false, TensorType::F16, Some(Buffers(190, 14, 108.01)), Buffers(102, 0, 22.01)),
    row(Model::Gemma4, [8192, 9, 4], true, TensorType::F16, Some(Buffers(190, 32, 39.52)), Buffers(102, 0, 11.02)),
    row(Model::Gemma4, [8192, 4, 1], true, TensorType::Q8_0, Some(Buffers(93, 0, 53.35)), Buffers(199, 10, 46.30)),
    row(Model::Encoder, [4096, 0, 1], true, TensorType::F16, None, Buffers(62, 0, 23.0)),
    row(Model::Encoder, [4096, 5, 1], false, TensorType::F16, Some(Buffers(38, 0, 23.50)), Buffers(23, 0, 4.0)),
    row(Model::Encoder, [8192, 5, 4], true, TensorType::F16, Some(Buffers(38, 0, 21.50)), Buffers(23, 0, 3.50)),
    row(Model::Encoder, [8192, 2, 1], true, TensorType::Q8_0, Some(Buffers(9, 0, 10.25)), Buffers(52, 0, 23.0)),
    row(Model::Rwkv, [4096, 0, 1], true, TensorType::F16, None, Buffers(189, 1, 38.63)),
    row(Model::Rwkv, [4096, 5, 1], false, TensorType::F16, Some(Buffers(121, 1, 36.63)), Buffers(68, 0, 4.0)),
    row(Model::Rwkv, [8192, 5, 4], true, TensorType::F16, Some(Buffers(121, 4, 38.16)), Buffers(68, 0, 4.0)),
    row(Model::Rwkv, [8192, 2, 1], true, TensorType::Q8_0, Some(Buffers(81, 0, 32.63)), Buffers(108, 0, 38.63)),
    row(Model::Delta, [4096, 0, 1], true, TensorType::F16, None, Buffers(152, 11, 46.16)),
    row(Model::Delta, [4096, 5, 1], false, TensorType::F16, Some(Buffers(152, 11, 90.01)), Buffers(68, 0, 14.01)),
    row(Model::Delta, [8192, 5, 4], true, TensorType::F16, Some(Buffers(152, 28, 42.58)), Buffers(68, 0, 6.02)),
    row(Model::Delta, [8192, 2, 1], true, TensorType::Q8_0, Some(Buffers(86, 8, 28.28)), Buffers(133, 3, 50.42)),
    row(Model::Sparse, [4096, 0, 1], true, TensorType::F16, None, Buffers(177, 11, 65.07)),
    row(Model::Sparse, [4096, 3, 1], false, TensorType::F16, Some(Buffers(109, 11, 195.07)), Buffers(68, 0, 16.07)),
    row(Model::Sparse, [8192, 3, 4], true, TensorType::F16, Some(Buffers(109, 22, 59.07)), Buffers(68, 0, 8.07)),
    row(Model::Sparse, [8192, 1, 1], true, TensorType::Q8_0, Some(Buffers(68, 0, 0.25)), Buffers(109, 11, 89.07)),
    row(Model::Buckets, [4096, 0, 1], true, TensorType::F16, None, Buffers(78, 48, 45.0)),
    row(Model::Buckets, [4096, 5, 1], false, TensorType::F16, Some(Buffers(53, 48, 47.0)), Buffers(25, 0, 5.0)),
    row(Model::Buckets, [8192, 5, 4], true, TensorType::F16, Some(Buffers(53, 96, 46.50)), Buffers(25, 0, 4.50)),
    row(Model::Buckets, [8192, 2, 1], true, TensorType::Q8_0, Some(Buffers(32, 12, 42.0)), Buffers(46, 38, 45.0)),
    row(Model::NextToken, [4096, 0, 1], true, TensorType::F16, None, Buffers(197, 20, 36.01)),
    row(Model::NextToken, [4096, 6, 1], false, TensorType::F16, Some(Buffers(129, 20, 81.01)), Buffers(68, 0, 13.01)),
    row(Model::NextToken, [8192, 6, 4], true, TensorType::F16, Some(Buffers(129, 40, 32.01)), Buffers(68, 0, 6.01)),
    row(Model::NextToken, [8192, 2, 1], true, TensorType::Q8_0, Some(Buffers(68, 4, 0.25)), Buffers(129, 17, 38.09)),
];
