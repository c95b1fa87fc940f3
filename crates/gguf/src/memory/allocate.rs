//! How much memory a graph takes, found as llama.cpp finds it: by walking through the graph once and
//! giving each tensor the best-fitting gap, which is free again after the tensor's last reader.
//! Source: `ggml_gallocr_alloc_graph_impl` and `ggml_dyn_tallocr_*` in ggml-alloc.c.

use super::graph::{Graph, Home, Id, NONE, Op};

/// What the graph looks like to the allocator: the nodes in order, each with its backend.
pub(super) struct Schedule {
    /// Nodes and their backends; copies and what keeps their source alive are among them.
    pub(super) nodes: Vec<(Step, u8)>,
    /// Backends of the leaves.
    pub(super) leaves: Vec<(Id, u8)>,
    pub(super) backends: usize,
}

/// One step of the walk.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// Computes this tensor.
    Node(Id),
    /// Keeps this tensor until here, where it is copied to another backend.
    Keep(Id),
}

/// How memory is given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Tensors begin at multiples of this.
    pub(super) alignment: u64,
    /// The most that a device gives at once.
    pub(super) device: u64,
    /// The most that the host gives at once.
    pub(super) host: u64,
}

/// A place in a pool: which piece, and where in it.
#[derive(Debug, Clone, Copy, Default)]
struct Address {
    piece: u8,
    offset: u64,
}

/// A buffer, in gaps between what is in use.
struct Piece {
    /// Offset and length in ascending order. Beyond the peak the last one is not taken yet.
    gaps: Vec<(u64, u64)>,
    peak: u64,
}

/// The buffers of a backend.
struct Pool {
    alignment: u64,
    most: u64,
    pieces: Vec<Piece>,
}

const ENDLESS: u64 = u64::MAX / 2;

/// More pieces than this there are never; the last one is endless (`GGML_VBUFFER_MAX_CHUNKS`).
const PIECES: usize = 16;

impl Pool {
    fn new(alignment: u64, most: u64) -> Self {
        Self { alignment, most: most.min(ENDLESS), pieces: Vec::new() }
    }

    /// `ggml_dyn_tallocr_alloc`.
    fn take(&mut self, bytes: u64) -> Address {
        let bytes = bytes.next_multiple_of(self.alignment);
        let (piece, at) = self.best_gap(bytes).or_else(|| self.best_end(bytes)).unwrap_or_else(|| {
            let last = self.pieces.len() + 1 >= PIECES;
            let room = if last { ENDLESS } else { self.most.max(bytes) };
            self.pieces.push(Piece { gaps: vec![(0, room)], peak: 0 });
            (self.pieces.len() - 1, 0)
        });
        let piece_at = u8::try_from(piece).unwrap_or(u8::MAX);
        let piece = &mut self.pieces[piece];
        let gap = &mut piece.gaps[at];
        let offset = gap.0;
        *gap = (gap.0.saturating_add(bytes), gap.1.saturating_sub(bytes));
        if gap.1 == 0 {
            piece.gaps.remove(at);
        }
        piece.peak = piece.peak.max(offset.saturating_add(bytes));
        Address { piece: piece_at, offset }
    }

    /// The smallest gap that fits, the last ones of the pieces apart. As llama.cpp has it, each piece
    /// is searched anew, so that a later one counts more than a better one.
    fn best_gap(&self, bytes: u64) -> Option<(usize, usize)> {
        let mut found = None;
        for (number, piece) in self.pieces.iter().enumerate() {
            let inner = piece.gaps.len().saturating_sub(1);
            let mut best = u64::MAX;
            for (at, gap) in piece.gaps[..inner].iter().enumerate() {
                if gap.1 >= bytes && gap.1 <= best {
                    best = gap.1;
                    found = Some((number, at));
                }
            }
        }
        found
    }

    /// The end of the piece that has to grow least, or wastes least.
    fn best_end(&self, bytes: u64) -> Option<(usize, usize)> {
        let mut found = None;
        let mut best = i128::MIN;
        for (number, piece) in self.pieces.iter().enumerate() {
            let Some(gap) = piece.gaps.last() else { continue };
            let reuse = i128::from(piece.peak) - i128::from(gap.0) - i128::from(bytes);
            let better = (best < 0 && reuse > best) || (reuse >= 0 && reuse < best);
            if gap.1 >= bytes && better {
                best = reuse;
                found = Some((number, piece.gaps.len() - 1));
            }
        }
        found
    }

    fn free(&mut self, address: Address, bytes: u64) {
        let bytes = bytes.next_multiple_of(self.alignment);
        if let Some(piece) = self.pieces.get_mut(usize::from(address.piece)) {
            piece.free(address.offset, bytes);
        }
    }

    fn peak(&self) -> u64 {
        self.pieces.iter().fold(0, |sum, piece| sum.saturating_add(piece.peak))
    }
}

impl Piece {
    /// Joins the gap with the first one that it touches, and that with its neighbour
    /// (`ggml_dyn_tallocr_free_bytes`). Written as llama.cpp has it, because empty tensors leave
    /// empty gaps behind.
    fn free(&mut self, offset: u64, bytes: u64) {
        let end = offset.saturating_add(bytes);
        for at in 0..self.gaps.len() {
            let gap = self.gaps[at];
            if gap.0.saturating_add(gap.1) == offset {
                self.gaps[at].1 = gap.1.saturating_add(bytes);
                self.join_next(at);
                return;
            }
            if end == gap.0 {
                self.gaps[at] = (offset, gap.1.saturating_add(bytes));
                if at > 0 {
                    self.join_next(at - 1);
                }
                return;
            }
        }
        let at = self.gaps.partition_point(|gap| gap.0 < offset);
        self.gaps.insert(at, (offset, bytes));
    }

    fn join_next(&mut self, at: usize) {
        let gap = self.gaps[at];
        if let Some(&next) = self.gaps.get(at + 1)
            && gap.0.saturating_add(gap.1) == next.0
        {
            self.gaps[at].1 = gap.1.saturating_add(next.1);
            self.gaps.remove(at + 1);
        }
    }
}

/// What the allocator knows of a tensor (`struct hash_node`).
#[derive(Debug, Clone, Copy, Default)]
struct State {
    children: u32,
    views: u32,
    backend: u8,
    address: Address,
    allocated: bool,
}

struct Allocator<'a> {
    graph: &'a Graph,
    states: Vec<State>,
    bytes: Vec<u64>,
    pools: Vec<Pool>,
}

/// The bytes that each backend's buffer needs.
pub(super) fn peaks(graph: &Graph, schedule: &Schedule, limits: Limits) -> Vec<u64> {
    let most = |backend: usize| if backend + 1 == schedule.backends { limits.host } else { limits.device };
    let mut allocator = Allocator {
        graph,
        states: vec![State::default(); graph.tensors.len()],
        bytes: graph.tensors.iter().map(super::graph::Tensor::bytes).collect(),
        pools: (0..schedule.backends).map(|at| Pool::new(limits.alignment, most(at))).collect(),
    };
    allocator.run(schedule);
    allocator.pools.iter().map(Pool::peak).collect()
}

impl Allocator<'_> {
    fn run(&mut self, schedule: &Schedule) {
        for &(leaf, backend) in &schedule.leaves {
            self.place(leaf, backend);
        }
        for &(step, backend) in &schedule.nodes {
            self.count(step, backend);
        }
        for &(step, backend) in &schedule.nodes {
            if let Step::Node(id) = step {
                for source in self.graph.get(id).sources() {
                    self.place(source, backend);
                }
                self.place(id, backend);
                for source in self.graph.get(id).sources() {
                    self.release(source);
                }
            } else if let Step::Keep(id) = step {
                self.place(id, backend);
                self.release(id);
            }
        }
    }

    /// Counts the readers of each tensor, and places inputs before all else.
    fn count(&mut self, step: Step, backend: u8) {
        let id = match step {
            Step::Node(id) => id,
            Step::Keep(id) => {
                self.states[id as usize].children += 1;
                return;
            }
        };
        let tensor = self.graph.get(id);
        if tensor.view_of != NONE {
            self.states[tensor.view_of as usize].views += 1;
        }
        for source in tensor.sources() {
            self.states[source as usize].children += 1;
            if self.graph.get(source).home == Home::Input {
                self.place(source, backend);
            }
        }
    }

    fn is_placed(&self, id: Id) -> bool {
        let tensor = self.graph.get(id);
        matches!(tensor.home, Home::Cache(_) | Home::Weight { .. }) || self.states[id as usize].allocated
    }

    fn place(&mut self, id: Id, backend: u8) {
        let tensor = self.graph.get(id);
        if tensor.view_of != NONE || self.is_placed(id) {
            return;
        }
        self.states[id as usize].allocated = true;
        if matches!(tensor.op, Op::Inplace | Op::Rope) {
            for parent in tensor.sources() {
                if self.is_reusable(id, parent) {
                    self.reuse(id, parent);
                    return;
                }
            }
        }
        let address = self.pools[usize::from(backend)].take(self.bytes[id as usize]);
        let state = &mut self.states[id as usize];
        (state.backend, state.address) = (backend, address);
    }

    /// Whether `id` may take over the bytes of a source: nobody else reads it.
    fn is_reusable(&self, id: Id, parent: Id) -> bool {
        let (node, source) = (self.graph.get(id), self.graph.get(parent));
        let state = self.states[parent as usize];
        // A view is never marked as allocated, so llama.cpp takes it for somebody else's.
        let same = source.kind == node.kind && source.ne == node.ne && source.nb == node.nb;
        state.allocated && !source.output && same && state.children == 1 && state.views == 0
    }

    fn reuse(&mut self, id: Id, parent: Id) {
        let State { backend, address, .. } = self.states[parent as usize];
        self.states[parent as usize].allocated = false;
        let state = &mut self.states[id as usize];
        (state.backend, state.address) = (backend, address);
        let pool = &mut self.pools[usize::from(backend)];
        let had = self.bytes[parent as usize].next_multiple_of(pool.alignment);
        let needs = self.bytes[id as usize].next_multiple_of(pool.alignment);
        if had > needs {
            let rest = Address { offset: address.offset.saturating_add(needs), ..address };
            pool.free(rest, had - needs);
        }
    }

    /// Forgets one reader, and frees what has none left.
    fn release(&mut self, id: Id) {
        let state = &mut self.states[id as usize];
        state.children = state.children.saturating_sub(1);
        if state.children > 0 || state.views > 0 {
            return;
        }
        let root = self.graph.get(id).view_of;
        if root == NONE {
            self.free(id);
            return;
        }
        let owner = &mut self.states[root as usize];
        owner.views = owner.views.saturating_sub(1);
        if owner.views == 0 && owner.children == 0 {
            self.free(root);
        }
    }

    fn free(&mut self, id: Id) {
        let State { allocated, backend, address, .. } = self.states[id as usize];
        if allocated && !self.graph.get(id).output {
            self.pools[usize::from(backend)].free(address, self.bytes[id as usize]);
            self.states[id as usize].allocated = false;
        }
    }
}
