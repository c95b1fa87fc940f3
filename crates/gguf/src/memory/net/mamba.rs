//! Mamba 1 and 2 (mamba-base.cpp).

use super::Net;
use crate::{
    memory::graph::{Id, NONE, Op},
    tensor_type::TensorType,
};

/// What a scan reads beside its state.
struct Scan {
    x: Id,
    step: Id,
    input: Id,
    output: Id,
}

impl Net<'_> {
    /// `build_mamba_layer`.
    pub(super) fn mamba(&mut self, il: usize, input: Id) -> Id {
        let shape = &self.model.shape;
        let (inner, length, rank) = (shape.inner, shape.state, shape.time_step_rank);
        let kernel = shape.conv_kernel;
        let (each, sequences) = (self.tokens_per_sequence(), self.sequences);
        let (conv, state) = self.states(il);
        let width = self.graph.ne(input)[0];
        let x = self.graph.reshape(input, [width, each, sequences, 1]);
        let Some(both) = self.linear(il, "ssm_in", x) else { return input };
        let x = self.graph.columns(both, inner);
        let gate = self.graph.columns(both, inner);
        let x = self.convolved(il, x, conv, kernel);
        let Some(all) = self.linear(il, "ssm_x", x) else { return input };
        let mut step = self.graph.columns(all, rank);
        let mut scan_in = self.graph.heads(all, [length, 1, each, sequences]);
        let mut scan_out = self.graph.heads(all, [length, 1, each, sequences]);
        if self.has(Some(il), "ssm_dt_norm.weight") {
            step = self.norm(step, Some(il), "ssm_dt_norm");
            scan_in = self.norm(scan_in, Some(il), "ssm_b_norm");
            scan_out = self.norm(scan_out, Some(il), "ssm_c_norm");
        }
        let step = self.linear(il, "ssm_dt", step).unwrap_or(step);
        let heads = self.graph.reshape(x, [1, inner, each, sequences]);
        let y = self.scan(il, state, &Scan { x: heads, step, input: scan_in, output: scan_out });
        let y = self.graph.start(y, [inner, each, sequences, 1]);
        self.gate_and_project(il, y, x, gate, None)
    }

    /// `build_mamba2_layer`.
    pub(super) fn mamba2(&mut self, il: usize, input: Id) -> Id {
        let shape = &self.model.shape;
        let (inner, length, kernel) = (shape.inner, shape.state, shape.conv_kernel);
        let (heads, groups) = (shape.time_step_rank.max(1), shape.groups.max(1));
        let (each, sequences) = (self.tokens_per_sequence(), self.sequences);
        let (conv, state) = self.states(il);
        let width = self.graph.ne(input)[0];
        let x = self.graph.reshape(input, [width, each, sequences, 1]);
        let Some(all) = self.linear(il, "ssm_in", x) else { return input };
        let by_head = [inner / heads, heads, each, sequences];
        let by_group = [length, groups, each, sequences];
        let wide = inner.saturating_add(groups.saturating_mul(length).saturating_mul(2));
        let gate = self.graph.heads(all, by_head);
        let mixed = self.graph.columns(all, wide);
        let step = self.graph.columns(all, heads);
        let mixed = self.convolved(il, mixed, conv, kernel);
        let x = self.graph.heads(mixed, by_head);
        let scan_in = self.graph.heads(mixed, by_group);
        let scan_out = self.graph.heads(mixed, by_group);
        let mut step = self.graph.like(&[step]);
        if let Some(bias) = self.weight(Some(il), "ssm_dt.bias") {
            step = self.graph.add([step, bias]);
        }
        let y = self.scan(il, state, &Scan { x, step, input: scan_in, output: scan_out });
        let y = self.graph.start(y, by_head);
        self.gate_and_project(il, y, x, gate, Some(groups))
    }

    /// The states of the convolution and of the scan.
    fn states(&mut self, il: usize) -> (Id, Id) {
        let (conv, scan) = self.model.layers[il].recurrent.unwrap_or_default();
        (self.state(il, conv), self.state(il, scan))
    }

    /// The convolution with its bias and activation.
    fn convolved(&mut self, il: usize, x: Id, state: Id, kernel: u64) -> Id {
        let mut x = self.convolve(il, x, state, kernel, "ssm_conv1d.weight");
        if let Some(bias) = self.weight(Some(il), "ssm_conv1d.bias") {
            x = self.graph.add([x, bias]);
        }
        self.graph.unary(x)
    }

    /// `ggml_ssm_scan`: results and new states in one tensor.
    fn scan(&mut self, il: usize, state: Id, scan: &Scan) -> Id {
        let elements = |ne: [u64; 4]| ne.iter().fold(1_u64, |product, &dim| product.saturating_mul(dim));
        let new = elements(self.graph.ne(state));
        let size = elements(self.graph.ne(scan.x)).saturating_add(new);
        let decay = self.weight(Some(il), "ssm_a").unwrap_or(NONE);
        let states = self.clear_state(state);
        let [rows, _] = self.state_rows();
        let op = if self.has(Some(il), "ssm_x.weight") { Op::Scan } else { Op::Other };
        // Another look at the states than the moving of unused ones has: where they lie elsewhere, each is
        // copied by itself (`get_ssm_rows` in `build_rs`).
        let ne = self.graph.ne(state);
        let seen = self.graph.reshape(states, ne);
        let sources = [seen, scan.x, scan.step, decay, scan.input, scan.output, rows];
        let scanned = self.graph.new_tensor(op, TensorType::F32, [size, 1, 1, 1], &sources);
        self.graph.expand(scanned);
        self.move_unused_states(state, states);
        let new = self.graph.start(scanned, [new, 1, 1, 1]);
        self.write_state(state, new);
        scanned
    }

    /// Adds what skips the scan, applies the gate, and goes back to the width of the stream.
    fn gate_and_project(&mut self, il: usize, y: Id, x: Id, gate: Id, groups: Option<u64>) -> Id {
        let (inner, tokens) = (self.model.shape.inner, self.tokens);
        let skip = match self.weight(Some(il), "ssm_d") {
            Some(factor) => self.graph.mul([x, factor]),
            None => x,
        };
        let y = self.graph.add([y, skip]);
        let gate = self.graph.like(&[gate]);
        let ne = self.graph.ne(gate);
        let mut y = self.graph.other(ne, &[gate, y]);
        if let Some(groups) = groups
            && self.has(Some(il), "ssm_norm.weight")
        {
            y = self.graph.reshape(y, [inner / groups.max(1), groups, tokens, 1]);
            y = self.norm(y, Some(il), "ssm_norm");
        }
        if groups.is_some() {
            y = self.graph.reshape(y, [inner, self.tokens_per_sequence(), self.sequences, 1]);
        }
        let out = self.linear(il, "ssm_out", y).unwrap_or(y);
        let width = self.graph.ne(out)[0];
        self.graph.reshape(out, [width, tokens, 1, 1])
    }
}
