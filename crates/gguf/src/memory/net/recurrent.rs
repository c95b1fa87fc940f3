//! Recurrent blocks: what they share, and short convolutions (`build_rs` in llama-graph.cpp, lfm2.cpp).

use super::Net;
use crate::{
    memory::graph::{Id, Kernel, NONE},
    tensor_type::TensorType,
};

impl Net<'_> {
    pub(super) fn recurrent(&mut self, il: usize, input: Id) -> Id {
        if self.has(Some(il), "ssm_x.weight") {
            self.mamba(il, input)
        } else if ["ssm_ba.weight", "ssm_alpha.weight"].iter().any(|name| self.has(Some(il), name)) {
            self.delta_network(il, input)
        } else if self.has(Some(il), "ssm_in.weight") {
            self.mamba2(il, input)
        } else if self.has(Some(il), "shortconv.conv.weight") {
            self.short_convolution(il, input)
        } else {
            self.unknown_recurrence(il, input)
        }
    }

    pub(super) fn tokens_per_sequence(&self) -> u64 {
        self.tokens / self.sequences.max(1)
    }

    /// Numbers of the states to read, and of those that no sequence uses (none), as looks at one input
    /// (`build_rs_inp_impl`).
    pub(super) fn state_rows(&mut self) -> [Id; 2] {
        if self.inputs.states == [NONE; 2] {
            let rows = self.input(TensorType::I32, [self.sequences, 1, 1, 1]);
            let used = self.graph.reshape(rows, [self.sequences, 1, 1, 1]);
            let unused = self.graph.reshape(rows, [0, 1, 1, 1]);
            self.inputs.states = [used, unused];
        }
        self.inputs.states
    }

    /// A state of the layer for each sequence.
    pub(super) fn state(&mut self, il: usize, elements: u64) -> Id {
        let home = self.cache_home(il);
        self.graph.leaf(TensorType::F32, [elements, self.sequences, 1, 1], home)
    }

    /// `build_rs`: clears one state, copies the states out of where they are kept, and moves those that
    /// no sequence of the batch uses (none here, but the nodes say on which backend this is computed).
    pub(super) fn read_state(&mut self, state: Id) -> Id {
        let states = self.clear_state(state);
        let [rows, _] = self.state_rows();
        let read = self.graph.get_rows(states, rows);
        self.graph.expand(read);
        self.move_unused_states(state, states);
        read
    }

    /// Clears one state. Gives the look at all of them that is read further on.
    pub(super) fn clear_state(&mut self, state: Id) -> Id {
        let ne = self.graph.ne(state);
        let states = self.graph.reshape(state, ne);
        let one = self.graph.start(states, [ne[0], 1, 1, 1]);
        let cleared = self.graph.write(one, &[one]);
        self.graph.expand(cleared);
        states
    }

    pub(super) fn move_unused_states(&mut self, state: Id, states: Id) {
        let [_, rows] = self.state_rows();
        let moved = self.graph.get_rows(states, rows);
        self.write_state(state, moved);
    }

    pub(super) fn write_state(&mut self, state: Id, from: Id) {
        let elements = self.graph.ne(from).iter().fold(1_u64, |product, &dim| product.saturating_mul(dim));
        let place = self.graph.start(state, [elements, 1, 1, 1]);
        let written = self.graph.write(place, &[from, place]);
        self.graph.expand(written);
    }

    /// The convolution over what came before and the batch: the sum of both, then the result.
    pub(super) fn convolve(&mut self, il: usize, x: Id, state: Id, kernel: u64, weight: &str) -> Id {
        let (each, sequences) = (self.tokens_per_sequence(), self.sequences);
        let width = self.graph.ne(x)[0];
        let before = self.read_state(state);
        let before = self.graph.reshape(before, [kernel.saturating_sub(1), width, sequences, 1]);
        let turned = self.graph.transpose(x);
        let long = [each.saturating_add(kernel.saturating_sub(1)), width, sequences, 1];
        let joined = self.graph.other(long, &[before, turned]);
        let last = self.graph.columns(joined, kernel.saturating_sub(1));
        self.write_state(state, last);
        let weight = self.weight(Some(il), weight).unwrap_or(joined);
        let convolved = self.graph.other([width, each, sequences, 1], &[joined, weight]);
        self.graph.called(convolved, Kernel::Convolution)
    }

    /// `build_shortconv_block` of lfm2.cpp.
    fn short_convolution(&mut self, il: usize, input: Id) -> Id {
        let (each, sequences, tokens) = (self.tokens_per_sequence(), self.sequences, self.tokens);
        let embedding = self.graph.ne(input)[0];
        let (conv, _) = self.model.layers[il].recurrent.unwrap_or_default();
        let kernel = conv.checked_div(embedding).unwrap_or(0).saturating_add(1);
        let state = self.state(il, conv);
        let x = self.graph.reshape(input, [embedding, each, sequences, 1]);
        let Some(bcx) = self.linear(il, "shortconv.in_proj", x) else { return input };
        let first = self.graph.columns(bcx, embedding);
        let gate = self.graph.columns(bcx, embedding);
        let x = self.graph.columns(bcx, embedding);
        let x = self.graph.mul([first, x]);
        let convolved = self.convolve(il, x, state, kernel, "shortconv.conv.weight");
        let y = self.graph.mul([gate, convolved]);
        let out = self.linear(il, "shortconv.out_proj", y).unwrap_or(y);
        self.graph.reshape(out, [embedding, tokens, 1, 1])
    }

    /// A kind of recurrence that is not known: everything that its matrices make of the input is
    /// taken to be there at once.
    pub(super) fn unknown_recurrence(&mut self, il: usize, input: Id) -> Id {
        let (embedding, tokens) = (self.graph.ne(input)[0], self.tokens);
        let matrices: Vec<usize> = self.model.layers[il]
            .tensors()
            .filter(|(name, _)| !name.starts_with("ffn_"))
            .map(|(_, at)| at)
            .filter(|&at| self.model.weights[at].ne[0] == embedding && self.model.weights[at].ne[1] > 1)
            .collect();
        let (conv, scan) = self.model.layers[il].recurrent.unwrap_or_default();
        let state = self.state(il, conv.saturating_add(scan));
        let state = self.read_state(state);
        let mut all = state;
        for at in matrices {
            let weight = &self.model.weights[at];
            let (kind, ne) = (weight.kind, weight.ne);
            let home = self.home(self.placement.weight(weight, self.load));
            let matrix = self.graph.leaf(kind, ne, home);
            let product = self.graph.matmul(matrix, input);
            all = self.graph.other([1, 1, 1, 1], &[all, product, state]);
        }
        self.graph.other([embedding, tokens, 1, 1], &[all, state])
    }
}
