//! In which order a device computes a piece of the graph. Vulkan looks ahead for what does not depend on
//! what is still to be computed, so that several operations run at a time, but keeps together what one
//! kernel computes at once. With the order changes what has to live at the same time.
//! Source: `ggml_vk_graph_optimize` in ggml-vulkan.cpp.

use std::collections::HashSet;

use super::graph::{Graph, Id, Kernel, NONE, Op};

/// So far ahead is looked for what could be computed now (`NUM_TO_CHECK`).
const AHEAD: usize = 20;

/// So far ahead is looked for what belongs to the same kernel.
const FUSED_AHEAD: usize = 15;

/// So far ahead is looked for the cache that a rotation's result is stored in.
const STORED_AHEAD: usize = 10;

/// The choice of experts, which one kernel makes: these nodes keep their places (`topk_moe_*` in
/// ggml-vulkan.cpp).
const CHOICES: [&[Kernel]; 5] = {
    use Kernel::{Add, ArgSort, Clamp, Div, GetRows, Reshape, SoftMax, Sqrt, SumRows, Unary, View};
    [
        &[SoftMax, Reshape, ArgSort, View, GetRows, Reshape, SumRows, Clamp, Div, Reshape],
        &[Unary, Reshape, Add, ArgSort, View, GetRows, Reshape, SumRows, Clamp, Div, Reshape],
        &[Unary, Sqrt, Reshape, Add, ArgSort, View, GetRows, Reshape, SumRows, Clamp, Div, Reshape],
        &[SoftMax, Reshape, ArgSort, View, GetRows],
        &[ArgSort, View, GetRows, Reshape, SoftMax, Reshape],
    ]
};

/// The nodes in the device's order.
pub(super) fn reorder(graph: &Graph, nodes: &[Id]) -> Vec<Id> {
    let mut order =
        Order { graph, nodes, used: vec![false; nodes.len()], ordered: Vec::new(), done: HashSet::new() };
    let mut first = 0;
    while first < nodes.len() {
        if let Some(choice) = CHOICES.iter().find(|choice| order.matches(choice, first)) {
            order.append(&(first..first + choice.len()).collect::<Vec<_>>());
        } else {
            let mut group = vec![first];
            order.gather(first, &mut group);
            order.gather_views(first, &mut group);
            order.append(&group);
        }
        while first < nodes.len() && order.used[first] {
            first += 1;
        }
    }
    order.ordered
}

struct Order<'a> {
    graph: &'a Graph,
    nodes: &'a [Id],
    /// What is in the new order, or in the group that comes next on behalf of another node.
    used: Vec<bool>,
    ordered: Vec<Id>,
    done: HashSet<Id>,
}

impl Order<'_> {
    fn kernel(&self, at: usize) -> Kernel {
        self.graph.get(self.nodes[at]).kernel
    }

    fn is_view(&self, at: usize) -> bool {
        self.graph.get(self.nodes[at]).op == Op::View
    }

    fn end(&self, from: usize, ahead: usize) -> usize {
        (from + ahead).min(self.nodes.len())
    }

    fn matches(&self, kernels: &[Kernel], start: usize) -> bool {
        start + kernels.len() <= self.nodes.len()
            && kernels.iter().zip(start..).all(|(&kernel, at)| !self.used[at] && self.kernel(at) == kernel)
    }

    fn append(&mut self, group: &[usize]) {
        for &at in group {
            self.used[at] = true;
            self.ordered.push(self.nodes[at]);
            self.done.insert(self.nodes[at]);
        }
    }

    /// Whether one reads the other, or both look at the same bytes.
    fn depends(&self, reader: usize, on: usize) -> bool {
        let root = |id: Id| match self.graph.get(id).view_of {
            NONE => id,
            root => root,
        };
        let (reader, on) = (self.nodes[reader], self.nodes[on]);
        self.graph.get(reader).src.contains(&on) || root(reader) == root(on)
    }

    /// Adds what can be computed together with the first node, each followed by what is part of its kernel.
    fn gather(&mut self, first: usize, group: &mut Vec<usize>) {
        for at in first + 1..self.end(first, AHEAD) {
            if self.used[at]
                || self.is_view(at)
                || CHOICES.iter().any(|choice| self.matches(choice, at))
                || (first..at).any(|on| self.blocks(on, at, group))
            {
                continue;
            }
            group.push(at);
            self.pull(at, group);
        }
    }

    /// Whether a node has to wait for one that is still to be computed, and cannot be part of its kernel.
    fn blocks(&self, on: usize, at: usize, group: &[usize]) -> bool {
        use Kernel::{Add, AddId, Convolution, MatMul, MatMulId, Mul, RmsNorm, Unary};
        let is_next = at == on + 1 && group.last() == Some(&on);
        let is_fused = matches!(
            (self.kernel(on), self.kernel(at)),
            (RmsNorm, Mul) | (MatMul | Add, Add) | (MatMulId, AddId | Mul) | (Convolution, Add | Unary)
        );
        !self.used[on] && self.depends(at, on) && !(is_next && is_fused)
    }

    /// Adds what one kernel computes together with a node that was just added.
    fn pull(&mut self, at: usize, group: &mut Vec<usize>) {
        use Kernel::{Add, AddId, Convolution, MatMul, MatMulId, Mul, RmsNorm, Rope, Unary};
        let before = self.kernel(at - 1);
        let kernel = self.kernel(at);
        let mut rotation = at;
        if (before, kernel) == (RmsNorm, Mul)
            && let Some(found) = self.find_reader(at, Rope, |order, id| {
                order.graph.get(id).src[1..3].iter().all(|&source| order.is_leaf(source))
            })
        {
            self.take(found, group);
            rotation = found;
        }
        if self.kernel(rotation) == Rope {
            self.pull_storing(rotation, group);
        }
        let is_ready = |order: &Self, id: Id| {
            let operand = order.graph.get(id).src[1];
            order.is_leaf(operand) || order.done.contains(&operand)
        };
        let found = match (before, kernel) {
            (MatMulId, AddId) => self.find_reader(at, Mul, is_ready),
            (MatMul, Add) => self.find_reader(at, Add, is_ready),
            (Convolution, Add) => self.find_reader(at, Unary, |_, _| true),
            _ => None,
        };
        if let Some(found) = found {
            self.take(found, group);
        }
    }

    fn take(&mut self, at: usize, group: &mut Vec<usize>) {
        group.push(at);
        self.used[at] = true;
    }

    fn is_leaf(&self, id: Id) -> bool {
        id == NONE || self.graph.get(id).op == Op::Leaf
    }

    /// The next node of this kernel whose first source is `at`.
    fn find_reader(&self, at: usize, kernel: Kernel, accepts: impl Fn(&Self, Id) -> bool) -> Option<usize> {
        (at + 1..self.end(at, FUSED_AHEAD)).find(|&later| {
            let id = self.nodes[later];
            self.kernel(later) == kernel && self.graph.get(id).src[0] == self.nodes[at] && accepts(self, id)
        })
    }

    /// Adds the view of a rotation's result and what stores it in the cache.
    fn pull_storing(&mut self, rotation: usize, group: &mut Vec<usize>) {
        let reads = |at: usize, from: usize| self.graph.get(self.nodes[at]).src[0] == self.nodes[from];
        let end = self.end(rotation, STORED_AHEAD);
        let view = (rotation + 1..end).find(|&at| self.kernel(at) == Kernel::View && reads(at, rotation));
        let Some(view) = view else { return };
        let stored = (view + 1..end).find(|&at| self.kernel(at) == Kernel::SetRows && reads(at, view));
        let Some(stored) = stored else { return };
        self.take(view, group);
        self.take(stored, group);
    }

    /// Adds views of what is computed by then, unless the group ends where another sum may follow.
    fn gather_views(&self, first: usize, group: &mut Vec<usize>) {
        if group.last().is_some_and(|&last| self.kernel(last) == Kernel::Add) {
            return;
        }
        for at in first + 1..self.end(first, AHEAD) {
            let waits = |on: usize| !self.used[on] && self.depends(at, on) && !group.contains(&on);
            if !self.used[at] && self.is_view(at) && !(first..at).any(waits) {
                group.push(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{memory::graph::Home, tensor_type::TensorType};

    fn matrix(graph: &mut Graph) -> Id {
        graph.leaf(TensorType::F32, [8, 8, 1, 1], Home::Allocator)
    }

    #[test]
    fn what_depends_on_nothing_open_is_pulled_forward() {
        let mut graph = Graph::default();
        let [x, a, b] = [(); 3].map(|()| matrix(&mut graph));
        let first = graph.matmul(a, x);
        let on_first = graph.unary(first);
        let second = graph.matmul(b, x);
        let on_second = graph.unary(second);
        let nodes = [first, on_first, second, on_second];
        assert_eq!(reorder(&graph, &nodes), [first, second, on_first, on_second]);
    }

    #[test]
    fn a_norm_and_its_weight_stay_together() {
        let mut graph = Graph::default();
        let [x, weight, matrix_of_next] = [(); 3].map(|()| matrix(&mut graph));
        let norm = graph.rms_norm(x);
        let weighed = graph.mul([norm, weight]);
        let other = graph.matmul(matrix_of_next, x);
        let nodes = [norm, weighed, other];
        assert_eq!(reorder(&graph, &nodes), nodes);
    }

    #[test]
    fn the_choice_of_experts_keeps_its_places() {
        let mut graph = Graph::default();
        let [scores, x, weight] = [(); 3].map(|()| matrix(&mut graph));
        let softened = graph.inplace(&[scores]);
        let softened = graph.called(softened, Kernel::SoftMax);
        let single = graph.reshape(softened, [1, 8, 8, 1]);
        let sorted = graph.like(&[softened]);
        let sorted = graph.called(sorted, Kernel::ArgSort);
        let best = graph.columns(sorted, 2);
        let chosen = graph.get_rows(single, best);
        let other = graph.matmul(weight, x);
        let nodes = [softened, single, sorted, best, chosen, other];
        assert_eq!(reorder(&graph, &nodes), nodes);
    }

    #[test]
    fn nothing_is_lost_or_doubled() {
        let mut graph = Graph::default();
        let mut nodes = vec![matrix(&mut graph)];
        for at in 0..200 {
            let (x, other) = (nodes[at / 3], nodes[at]);
            nodes.push(match at % 5 {
                0 => graph.matmul(x, other),
                1 => graph.add([other, x]),
                2 => graph.reshape(x, [64, 1, 1, 1]),
                3 => graph.rms_norm(other),
                _ => graph.mul([other, x]),
            });
        }
        let nodes = nodes.split_off(1);
        let ordered = reorder(&graph, &nodes);
        let place = |id: Id| ordered.iter().position(|&other| other == id);
        assert_eq!(ordered.len(), nodes.len());
        for &id in &nodes {
            let before = graph.get(id).sources().filter(|source| nodes.contains(source));
            assert!(
                before.map(place).all(|source| source.is_some() && source < place(id)),
                "{id} is too early"
            );
        }
    }
}
