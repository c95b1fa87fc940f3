//! A small GGUF writer, independent of the crate under test. It checks nothing, so that it can
//! write what no converter would.

/// A metadata value to write.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum V {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(u8),
    Str(Vec<u8>),
    /// Element type id and elements.
    Arr(u32, Vec<V>),
    U64(u64),
    I64(i64),
    F64(f64),
}

pub(crate) fn s(text: &str) -> V {
    V::Str(text.as_bytes().to_vec())
}

pub(crate) fn strings(texts: &[&str]) -> V {
    V::Arr(8, texts.iter().map(|text| s(text)).collect())
}

impl V {
    pub(crate) fn type_id(&self) -> u32 {
        match self {
            Self::U8(_) => 0,
            Self::I8(_) => 1,
            Self::U16(_) => 2,
            Self::I16(_) => 3,
            Self::U32(_) => 4,
            Self::I32(_) => 5,
            Self::F32(_) => 6,
            Self::Bool(_) => 7,
            Self::Str(_) => 8,
            Self::Arr(..) => 9,
            Self::U64(_) => 10,
            Self::I64(_) => 11,
            Self::F64(_) => 12,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::U8(v) | Self::Bool(v) => out.push(*v),
            Self::I8(v) => out.extend(v.to_le_bytes()),
            Self::U16(v) => out.extend(v.to_le_bytes()),
            Self::I16(v) => out.extend(v.to_le_bytes()),
            Self::U32(v) => out.extend(v.to_le_bytes()),
            Self::I32(v) => out.extend(v.to_le_bytes()),
            Self::F32(v) => out.extend(v.to_le_bytes()),
            Self::U64(v) => out.extend(v.to_le_bytes()),
            Self::I64(v) => out.extend(v.to_le_bytes()),
            Self::F64(v) => out.extend(v.to_le_bytes()),
            Self::Str(bytes) => string(out, bytes),
            Self::Arr(element, values) => {
                out.extend(element.to_le_bytes());
                out.extend((values.len() as u64).to_le_bytes());
                for value in values {
                    value.write(out);
                }
            }
        }
    }
}

fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u64).to_le_bytes());
    out.extend(bytes);
}

/// A tensor to write.
#[derive(Debug, Clone)]
pub(crate) struct T {
    pub(crate) name: Vec<u8>,
    pub(crate) dims: Vec<u64>,
    pub(crate) kind: u32,
    pub(crate) offset: u64,
}

/// A file to write.
#[derive(Debug, Clone)]
pub(crate) struct Gguf {
    version: u32,
    alignment: u64,
    entries: Vec<(Vec<u8>, V)>,
    tensors: Vec<T>,
    data: u64,
}

impl Gguf {
    pub(crate) fn new() -> Self {
        Self { version: 3, alignment: 32, entries: Vec::new(), tensors: Vec::new(), data: 0 }
    }

    pub(crate) fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// Writes `general.alignment` and lays the following tensors out accordingly.
    pub(crate) fn alignment(mut self, alignment: u32) -> Self {
        self.alignment = alignment.into();
        self.kv("general.alignment", V::U32(alignment))
    }

    pub(crate) fn kv(mut self, key: impl AsRef<[u8]>, value: V) -> Self {
        self.entries.push((key.as_ref().to_vec(), value));
        self
    }

    /// Adds a tensor after the ones before; `bytes` is what its data takes.
    pub(crate) fn tensor(self, name: &str, dims: &[u64], kind: u32, bytes: u64) -> Self {
        let offset = self.data.next_multiple_of(self.alignment);
        self.tensor_at(name.as_bytes(), dims, kind, offset, bytes)
    }

    pub(crate) fn tensor_at(mut self, name: &[u8], dims: &[u64], kind: u32, offset: u64, bytes: u64) -> Self {
        let tensor = T { name: name.to_vec(), dims: dims.to_vec(), kind, offset };
        self.tensors.push(tensor);
        self.data = self.data.max(offset.saturating_add(bytes));
        self
    }

    pub(crate) fn entries(&self) -> &[(Vec<u8>, V)] {
        &self.entries
    }

    pub(crate) fn tensors(&self) -> &[T] {
        &self.tensors
    }

    /// The header alone.
    pub(crate) fn header(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(self.version.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.entries.len() as u64).to_le_bytes());
        for (key, value) in &self.entries {
            string(&mut out, key);
            out.extend(value.type_id().to_le_bytes());
            value.write(&mut out);
        }
        for tensor in &self.tensors {
            string(&mut out, &tensor.name);
            out.extend(u32::try_from(tensor.dims.len()).expect("few").to_le_bytes());
            for dim in &tensor.dims {
                out.extend(dim.to_le_bytes());
            }
            out.extend(tensor.kind.to_le_bytes());
            out.extend(tensor.offset.to_le_bytes());
        }
        out
    }

    /// Header, padding and data (zeros).
    pub(crate) fn file(&self) -> Vec<u8> {
        let mut out = self.header();
        let alignment = usize::try_from(self.alignment).expect("small");
        out.resize(out.len().next_multiple_of(alignment), 0);
        out.resize(out.len() + usize::try_from(self.data).expect("small"), 0);
        out
    }
}

/// A small language model of two layers, with a vocabulary large enough to be skipped.
pub(crate) fn model() -> Gguf {
    let tokens: Vec<V> = (0..100).map(|n| s(&format!("token{n}"))).collect();
    Gguf::new()
        .kv("general.architecture", s("llama"))
        .kv("general.type", s("model"))
        .kv("general.name", s("Tiny"))
        .kv("general.size_label", s("1K"))
        .kv("general.file_type", V::U32(15))
        .kv("llama.context_length", V::U32(2048))
        .kv("llama.embedding_length", V::U32(64))
        .kv("llama.block_count", V::U32(2))
        .kv("llama.attention.head_count", V::U32(4))
        .kv("llama.attention.head_count_kv", V::Arr(5, vec![V::I32(2), V::I32(1)]))
        .kv("llama.rope.freq_base", V::F32(10000.0))
        .kv("tokenizer.ggml.model", s("gpt2"))
        .kv("tokenizer.ggml.tokens", V::Arr(8, tokens))
        .kv("tokenizer.ggml.scores", V::Arr(6, vec![V::F32(0.5); 100]))
        .kv("tokenizer.chat_template", s("{{ messages }}"))
        .tensor("token_embd.weight", &[64, 100], 8, 6800)
        .tensor("blk.0.attn_q.weight", &[64, 64], 2, 2304)
        .tensor("blk.0.ffn_up_exps.weight", &[64, 32, 4], 2, 4608)
        .tensor("blk.1.attn_q.weight", &[64, 64], 2, 2304)
        .tensor("output_norm.weight", &[64], 0, 256)
        .tensor("output.weight", &[64, 100], 8, 6800)
        .tensor("rope_freqs.weight", &[32], 0, 128)
}
