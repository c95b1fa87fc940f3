//! A graph of tensors as ggml builds it, without data: shapes, who reads whom, and in which order
//! nodes are computed. Sources: `ggml_build_forward_expand`, `ggml_view_*`, `ggml_new_tensor_*` in
//! ggml.c. Only what the allocator asks for is kept of an operation.

use crate::tensor_type::TensorType;

/// A tensor's place in its graph.
pub(super) type Id = u32;

/// No tensor.
pub(super) const NONE: Id = Id::MAX;

/// The most sources of an operation that is modelled (`ssm_scan` has seven).
pub(super) const SOURCES: usize = 8;

/// No tensor is counted as larger than this, so that absurd shapes do not overflow the allocator.
const LARGEST: u64 = 1 << 44;

/// What the scheduler and the allocator have to know of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    /// No operation: a weight, a cache or an input.
    Leaf,
    /// Another look at the same bytes: view, reshape, permute, transpose (`ggml_is_view_op`).
    View,
    /// May be written over one of its sources (`ggml_op_can_inplace`).
    Inplace,
    /// The same, but its weights do not choose the device (`ggml_backend_sched_backend_id_from_cur`).
    Rope,
    /// Attention: not in place, and its weights do not choose the device.
    Flash,
    /// Reads rows by number: never worth copying weights to a device for.
    GetRows,
    /// The scan of Mamba 1, which some devices lack.
    Scan,
    /// Everything else: has memory of its own.
    Other,
}

/// What an operation is to a device that puts the nodes of a piece into another order: see `reorder.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kernel {
    /// None of those below.
    Other,
    Add,
    /// With the row that belongs to the expert.
    AddId,
    Mul,
    Div,
    /// An activation (`GGML_OP_UNARY`).
    Unary,
    Sqrt,
    RmsNorm,
    MatMul,
    /// With the matrix of the expert.
    MatMulId,
    Rope,
    GetRows,
    SetRows,
    SoftMax,
    ArgSort,
    TopK,
    /// The scores of sparse attention, of all tokens in one step.
    Indexer,
    SumRows,
    Clamp,
    Convolution,
    View,
    Reshape,
}

/// Where the bytes of a tensor lie before the graph is allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    /// Nowhere: the allocator decides.
    Allocator,
    /// An input, which the allocator places on the host first of all.
    Input,
    /// A cache on this backend.
    Cache(u8),
    /// A weight on this backend. `plain` weights can be copied to a device to compute there.
    Weight { backend: u8, plain: bool },
}

#[derive(Debug, Clone)]
pub(super) struct Tensor {
    pub(super) op: Op,
    pub(super) kernel: Kernel,
    pub(super) kind: TensorType,
    /// Elements in each dimension.
    pub(super) ne: [u64; 4],
    /// Bytes from one element to the next in each dimension.
    pub(super) nb: [u64; 4],
    pub(super) src: [Id; SOURCES],
    /// Whose bytes these are, never itself a view.
    pub(super) view_of: Id,
    pub(super) home: Home,
    /// An output is kept until the end.
    pub(super) output: bool,
    /// The backend it was put on by name.
    pub(super) pinned: Option<u8>,
}

impl Tensor {
    /// Bytes from the first to the last element (`ggml_nbytes`).
    pub(super) fn bytes(&self) -> u64 {
        if self.ne.contains(&0) {
            return 0;
        }
        let block = self.kind.block_elements().unwrap_or(1);
        let first = if block == 1 {
            let unit = self.kind.block_bytes().unwrap_or(4);
            unit.saturating_add((self.ne[0] - 1).saturating_mul(self.nb[0]))
        } else {
            (self.ne[0] / block).saturating_mul(self.nb[0])
        };
        let rest = (1..4)
            .fold(0_u64, |sum, dim| sum.saturating_add((self.ne[dim] - 1).saturating_mul(self.nb[dim])));
        first.saturating_add(rest).min(LARGEST)
    }

    /// The sources.
    pub(super) fn sources(&self) -> impl Iterator<Item = Id> + use<> {
        self.src.into_iter().filter(|&id| id != NONE)
    }
}

/// Bytes from one element to the next, row to row and so on of a tensor without gaps.
fn strides(kind: TensorType, ne: [u64; 4]) -> [u64; 4] {
    let block = kind.block_elements().unwrap_or(1);
    // A type of unknown size is taken for one of 32 bits.
    let unit = kind.block_bytes().unwrap_or(4);
    let row = unit.saturating_mul(ne[0] / block);
    let plane = row.saturating_mul(ne[1]);
    [unit, row, plane, plane.saturating_mul(ne[2])]
}

/// Tensors, and the order in which they are computed.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) tensors: Vec<Tensor>,
    /// What is computed, in order.
    pub(super) nodes: Vec<Id>,
    /// What is only read.
    pub(super) leaves: Vec<Id>,
    visited: Vec<bool>,
}

impl Graph {
    pub(super) fn get(&self, id: Id) -> &Tensor {
        &self.tensors[id as usize]
    }

    pub(super) fn ne(&self, id: Id) -> [u64; 4] {
        self.get(id).ne
    }

    fn push(&mut self, tensor: Tensor) -> Id {
        let id = Id::try_from(self.tensors.len()).unwrap_or(NONE - 1);
        self.tensors.push(tensor);
        id
    }

    /// A tensor of its own bytes.
    pub(super) fn new_tensor(&mut self, op: Op, kind: TensorType, ne: [u64; 4], sources: &[Id]) -> Id {
        let mut src = [NONE; SOURCES];
        for (slot, &id) in src.iter_mut().zip(sources) {
            *slot = id;
        }
        let (nb, home) = (strides(kind, ne), Home::Allocator);
        let kernel = match op {
            Op::Rope => Kernel::Rope,
            Op::GetRows => Kernel::GetRows,
            _ => Kernel::Other,
        };
        self.push(Tensor { op, kernel, kind, ne, nb, src, view_of: NONE, home, output: false, pinned: None })
    }

    /// A weight, a cache or an input.
    pub(super) fn leaf(&mut self, kind: TensorType, ne: [u64; 4], home: Home) -> Id {
        let id = self.new_tensor(Op::Leaf, kind, ne, &[]);
        self.tensors[id as usize].home = home;
        id
    }

    /// Another look at the bytes of `of`, with strides of its own.
    pub(super) fn view(&mut self, of: Id, ne: [u64; 4], nb: [u64; 4]) -> Id {
        let kind = self.get(of).kind;
        let id = self.new_tensor(Op::View, kind, ne, &[of]);
        let root = self.root(of);
        let view = &mut self.tensors[id as usize];
        (view.nb, view.view_of, view.kernel) = (nb, root, Kernel::View);
        id
    }

    /// An operation that writes its result into the bytes of `into` (`ggml_cpy`, `ggml_set_rows`).
    pub(super) fn write(&mut self, into: Id, sources: &[Id]) -> Id {
        let (kind, ne, nb) = (self.get(into).kind, self.get(into).ne, self.get(into).nb);
        let id = self.new_tensor(Op::Other, kind, ne, sources);
        let root = self.root(into);
        let result = &mut self.tensors[id as usize];
        (result.nb, result.view_of) = (nb, root);
        // `ggml_set_rows` reads rows, their numbers, and what it writes into; a copy has no numbers.
        if sources.len() > 2 {
            result.kernel = Kernel::SetRows;
        }
        id
    }

    fn root(&self, id: Id) -> Id {
        match self.get(id).view_of {
            NONE => id,
            root => root,
        }
    }

    /// The same elements, without gaps, in another shape.
    pub(super) fn reshape(&mut self, of: Id, ne: [u64; 4]) -> Id {
        let nb = strides(self.get(of).kind, ne);
        let id = self.view(of, ne, nb);
        self.called(id, Kernel::Reshape)
    }

    /// A part of each row, as heads: `ne` is length and number of heads, rows, and planes.
    pub(super) fn heads(&mut self, of: Id, ne: [u64; 4]) -> Id {
        let [unit, row, plane, _] = self.get(of).nb;
        let head = unit.saturating_mul(ne[0]);
        // Where rows lie without gaps, planes follow each other as the rows do.
        let plane = if self.ne(of)[2] == 1 { row.saturating_mul(ne[2]) } else { plane };
        self.view(of, ne, [unit, head, row, plane])
    }

    /// The heads of each token as one row of this length, wherever the next token's lie.
    pub(super) fn rows(&mut self, heads: Id, length: u64) -> Id {
        let Tensor { ne, nb, .. } = *self.get(heads);
        let plane = nb[2].saturating_mul(ne[2]);
        self.view(heads, [length, ne[2], 1, 1], [nb[0], nb[2], plane, plane])
    }

    /// A part of each row.
    pub(super) fn columns(&mut self, of: Id, length: u64) -> Id {
        let Tensor { ne, nb, .. } = *self.get(of);
        self.view(of, [length, ne[1], ne[2], ne[3]], nb)
    }

    /// The beginning of a tensor, as if it had this shape.
    pub(super) fn start(&mut self, of: Id, ne: [u64; 4]) -> Id {
        let nb = strides(self.get(of).kind, ne);
        self.view(of, ne, nb)
    }

    /// Swaps the second and the third dimension, as attention does.
    pub(super) fn swap_middle(&mut self, of: Id) -> Id {
        let Tensor { ne, nb, .. } = *self.get(of);
        let id = self.view(of, [ne[0], ne[2], ne[1], ne[3]], [nb[0], nb[2], nb[1], nb[3]]);
        self.called(id, Kernel::Other)
    }

    /// Swaps the first two dimensions.
    pub(super) fn transpose(&mut self, of: Id) -> Id {
        let Tensor { ne, nb, .. } = *self.get(of);
        let id = self.view(of, [ne[1], ne[0], ne[2], ne[3]], [nb[1], nb[0], nb[2], nb[3]]);
        self.called(id, Kernel::Other)
    }

    /// An operation with a result like its first source, written over it where possible.
    pub(super) fn inplace(&mut self, sources: &[Id]) -> Id {
        let (kind, ne) = (self.get(sources[0]).kind, self.get(sources[0]).ne);
        self.new_tensor(Op::Inplace, kind, ne, sources)
    }

    /// `ggml_add`.
    pub(super) fn add(&mut self, sources: [Id; 2]) -> Id {
        let id = self.inplace(&sources);
        self.called(id, Kernel::Add)
    }

    /// `ggml_mul`.
    pub(super) fn mul(&mut self, sources: [Id; 2]) -> Id {
        let id = self.inplace(&sources);
        self.called(id, Kernel::Mul)
    }

    /// An activation (`ggml_unary`).
    pub(super) fn unary(&mut self, x: Id) -> Id {
        let id = self.inplace(&[x]);
        self.called(id, Kernel::Unary)
    }

    /// `ggml_rms_norm`.
    pub(super) fn rms_norm(&mut self, x: Id) -> Id {
        let id = self.inplace(&[x]);
        self.called(id, Kernel::RmsNorm)
    }

    /// The same tensor, now known to devices as this.
    pub(super) fn called(&mut self, id: Id, kernel: Kernel) -> Id {
        self.tensors[id as usize].kernel = kernel;
        id
    }

    /// An operation with a result like its first source, never written over it.
    pub(super) fn like(&mut self, sources: &[Id]) -> Id {
        let (kind, ne) = (self.get(sources[0]).kind, self.get(sources[0]).ne);
        self.new_tensor(Op::Other, kind, ne, sources)
    }

    /// Whether its elements follow each other (`ggml_is_contiguous`).
    pub(super) fn is_gapless(&self, id: Id) -> bool {
        let Tensor { kind, ne, nb, .. } = *self.get(id);
        let plain = strides(kind, ne);
        (0..4).all(|dim| ne[dim] == 1 || nb[dim] == plain[dim])
    }

    /// A result of 32-bit floats of its own.
    pub(super) fn other(&mut self, ne: [u64; 4], sources: &[Id]) -> Id {
        self.new_tensor(Op::Other, TensorType::F32, ne, sources)
    }

    /// `ggml_mul_mat`: a row of the result for each row of `x`.
    pub(super) fn matmul(&mut self, weight: Id, x: Id) -> Id {
        let (w, x_ne) = (self.ne(weight), self.ne(x));
        let id = self.other([w[1], x_ne[1], x_ne[2], x_ne[3]], &[weight, x]);
        self.called(id, Kernel::MatMul)
    }

    /// `ggml_get_rows`.
    pub(super) fn get_rows(&mut self, from: Id, ids: Id) -> Id {
        let (from_ne, ids_ne) = (self.ne(from), self.ne(ids));
        let ne = [from_ne[0], ids_ne[0], ids_ne[1], ids_ne[2]];
        self.new_tensor(Op::GetRows, TensorType::F32, ne, &[from, ids])
    }

    /// A tensor for a copy on another backend (`ggml_dup_tensor_layout`).
    pub(super) fn copy_of(&mut self, id: Id) -> Id {
        let Tensor { kind, ne, nb, .. } = *self.get(id);
        let copy = self.new_tensor(Op::Leaf, kind, ne, &[]);
        self.tensors[copy as usize].nb = nb;
        copy
    }

    pub(super) fn output(&mut self, id: Id) {
        self.tensors[id as usize].output = true;
    }

    /// Adds what `id` needs and `id` itself to the computation, sources from left to right
    /// (`ggml_visit_parents_graph`). Iterative, because a graph may be deep.
    pub(super) fn expand(&mut self, id: Id) {
        self.visited.resize(self.tensors.len(), false);
        let mut stack = vec![(id, 0)];
        if std::mem::replace(&mut self.visited[id as usize], true) {
            return;
        }
        while let Some((id, next)) = stack.pop() {
            let tensor = &self.tensors[id as usize];
            let Some(at) = (next..SOURCES).find(|&at| tensor.src[at] != NONE) else {
                match tensor.op {
                    Op::Leaf => self.leaves.push(id),
                    _ => self.nodes.push(id),
                }
                continue;
            };
            let source = tensor.src[at];
            stack.push((id, at + 1));
            if !std::mem::replace(&mut self.visited[source as usize], true) {
                stack.push((source, 0));
            }
        }
    }
}
