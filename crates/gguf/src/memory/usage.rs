//! What a load takes.

/// The memory of one device, or of the host, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Part {
    /// Tensors of the model.
    pub weights: u64,
    /// Of these, what is only mapped from the file: the kernel can take it back.
    pub mapped: u64,
    /// How long the stretch of the file is that is mapped for them, from the first of them to the end of the
    /// last. The engine prints this as the size of the buffer (`CPU_Mapped`), although what lies between
    /// may belong to other buffers. Of a split model all files count as one.
    pub mapped_span: u64,
    /// Of these, what is kept in another layout than the file's.
    pub repacked: u64,
    /// Matrices of adapters.
    pub adapters: u64,
    /// Keys and values of the context.
    pub kv_cache: u64,
    /// States of recurrent layers.
    pub recurrent_state: u64,
    /// Buffers of the computation.
    pub compute: u64,
    /// Logits of a batch, on the host alone. llama.cpp's own breakdown does not count them.
    pub output: u64,
}

impl Part {
    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            weights: self.weights.saturating_add(other.weights),
            mapped: self.mapped.saturating_add(other.mapped),
            mapped_span: self.mapped_span.saturating_add(other.mapped_span),
            repacked: self.repacked.saturating_add(other.repacked),
            adapters: self.adapters.saturating_add(other.adapters),
            kv_cache: self.kv_cache.saturating_add(other.kv_cache),
            recurrent_state: self.recurrent_state.saturating_add(other.recurrent_state),
            compute: self.compute.saturating_add(other.compute),
            output: self.output.saturating_add(other.output),
        }
    }

    /// Everything, the output buffer included.
    #[must_use]
    pub fn total(&self) -> u64 {
        [self.weights, self.adapters, self.kv_cache, self.recurrent_state, self.compute, self.output]
            .into_iter()
            .fold(0, u64::saturating_add)
    }
}

/// What a model takes on each device and on the host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Usage {
    /// The devices, in the order of [`crate::memory::Load::devices`].
    pub devices: Vec<Part>,
    /// The host.
    pub host: Part,
}

impl Usage {
    /// Everything on all devices and the host.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.devices.iter().fold(self.host.total(), |sum, part| sum.saturating_add(part.total()))
    }

    pub(crate) fn part(&mut self, device: Option<usize>) -> &mut Part {
        match device {
            Some(index) if index < self.devices.len() => &mut self.devices[index],
            _ => &mut self.host,
        }
    }
}
