//! On which backend each node of a graph is computed, and what is copied between backends.
//! Source: `ggml_backend_sched_split_graph` in ggml-backend.cpp. A backend's number is the device's
//! place; the host comes last. A backend is taken to support every operation on tensors that it can
//! hold.

use std::collections::BTreeMap;

use super::{
    allocate::{Schedule, Step},
    graph::{Graph, Home, Id, Kernel, NONE, Op, SOURCES},
    load::{Accelerator, Load},
    reorder::reorder,
};

const UNSET: u8 = u8::MAX;

/// A batch of at least so many rows is computed on a device although its weights are on the host
/// (`op_offload_min_batch_size` of the CUDA, Vulkan and Metal backends).
const OFFLOAD_ROWS: u64 = 32;

/// A piece copies no more than this from other backends (`GGML_SCHED_MAX_SPLIT_INPUTS`).
const MOST_INPUTS: u32 = 30;

/// Devices without the operations of sparse attention pick fewer than this.
const MOST_PICKED: u64 = 1024;

/// What was copied, and to which backend.
type Copies = BTreeMap<(Id, u8), Id>;

struct Scheduler<'a> {
    graph: &'a mut Graph,
    backend: Vec<u8>,
    host: u8,
    op_offload: bool,
    /// The largest tensor that devices take.
    limit: u64,
    accelerator: Accelerator,
}

/// Assigns backends, and makes the copies that this takes.
pub(super) fn schedule(graph: &mut Graph, devices: u8, load: &Load) -> Schedule {
    let backend = vec![UNSET; graph.tensors.len()];
    let op_offload = load.accelerator.op_offload && devices > 0;
    let limit = load.accelerator.largest_tensor.unwrap_or(u64::MAX);
    let mut scheduler =
        Scheduler { graph, backend, host: devices, op_offload, limit, accelerator: load.accelerator };
    scheduler.assign_by_location();
    if devices > 0 {
        scheduler.spread(true, false);
        scheduler.spread(true, true);
    }
    scheduler.spread(false, false);
    scheduler.spread(false, true);
    scheduler.assign_unsupported();
    scheduler.assign_sources();
    scheduler.split()
}

impl Scheduler<'_> {
    /// Pass 1: what has its bytes somewhere is computed there, and so is what reads weights.
    fn assign_by_location(&mut self) {
        for at in 0..self.graph.leaves.len() {
            let id = self.graph.leaves[at];
            self.backend[id as usize] = self.location(id);
        }
        for at in 0..self.graph.nodes.len() {
            let id = self.graph.nodes[at];
            let pinned = self.graph.get(id).pinned;
            self.backend[id as usize] = pinned.unwrap_or_else(|| self.location(id));
        }
    }

    fn location(&self, id: Id) -> u8 {
        let tensor = self.graph.get(id);
        let owner = if tensor.view_of == NONE { tensor } else { self.graph.get(tensor.view_of) };
        match owner.home {
            Home::Cache(backend) | Home::Weight { backend, .. } => return backend,
            _ => {}
        }
        if tensor.home == Home::Input {
            return self.host;
        }
        if matches!(tensor.op, Op::Rope | Op::Flash) {
            return UNSET;
        }
        let weight = tensor.sources().find_map(|source| match self.graph.get(source).home {
            Home::Weight { backend, plain } => Some((backend, plain)),
            _ => None,
        });
        match weight {
            Some((backend, plain))
                if backend == self.host
                    && plain
                    && self.op_offload
                    && self.is_large(id)
                    && self.supports(0, id) =>
            {
                0
            }
            Some((backend, _)) if self.supports(backend, id) => backend,
            _ => UNSET,
        }
    }

    /// Whether a backend can compute this: a device only with tensors that it can hold.
    fn supports(&self, backend: u8, id: Id) -> bool {
        if backend == self.host {
            return true;
        }
        let tensor = self.graph.get(id);
        if self.accelerator.lacks_scan && tensor.op == Op::Scan {
            return false;
        }
        let is_sparse = match tensor.kernel {
            Kernel::Indexer => true,
            Kernel::TopK => tensor.ne[0] >= MOST_PICKED,
            _ => false,
        };
        if self.accelerator.lacks_indexer && is_sparse {
            return false;
        }
        let planes = |at: usize| self.graph.get(tensor.src[at]).ne[3];
        if self.accelerator.lacks_broadcast && tensor.kernel == Kernel::MatMul && planes(0) != planes(1) {
            return false;
        }
        let fits = |id: Id| self.graph.get(id).bytes() <= self.limit;
        fits(id) && tensor.sources().all(fits)
    }

    /// Whether a device computes this with weights of the host (`offload_op` of the CUDA backend).
    fn is_large(&self, id: Id) -> bool {
        let tensor = self.graph.get(id);
        tensor.op != Op::GetRows && tensor.ne[1].max(tensor.ne[2]) >= OFFLOAD_ROWS
    }

    /// Pass 2: what has no backend takes that of the node before it, or after it when going up. First
    /// devices spread, up to the next node on the host, then everything does.
    fn spread(&mut self, devices_only: bool, upwards: bool) {
        let mut current = UNSET;
        let count = self.graph.nodes.len();
        for at in 0..count {
            let id = self.graph.nodes[if upwards { count - 1 - at } else { at }];
            if self.graph.get(id).op == Op::View {
                continue;
            }
            let backend = self.backend[id as usize];
            if backend != UNSET {
                current = if devices_only && backend == self.host { UNSET } else { backend };
            } else if current != UNSET && self.supports(current, id) {
                self.backend[id as usize] = current;
            }
        }
    }

    /// Pass 3: what no neighbour can compute goes where most of its sources are.
    fn assign_unsupported(&mut self) {
        for at in 0..self.graph.nodes.len() {
            let id = self.graph.nodes[at];
            let tensor = self.graph.get(id);
            if self.backend[id as usize] != UNSET || tensor.op == Op::View {
                continue;
            }
            let sources_on = |backend: u8| {
                let at = |source: Id| match self.backend[source as usize] {
                    UNSET => match self.graph.get(source).view_of {
                        NONE => UNSET,
                        root => self.backend[root as usize],
                    },
                    own => own,
                };
                tensor.sources().filter(|&source| at(source) == backend).count()
            };
            let able = (0..=self.host).filter(|&backend| self.supports(backend, id));
            // The first of the best ones; `max_by_key` would take the last.
            let best = able.rev().max_by_key(|&backend| sources_on(backend));
            self.backend[id as usize] = best.unwrap_or(self.host);
        }
    }

    /// Pass 4: sources without a backend take that of what they look at, or of their reader.
    fn assign_sources(&mut self) {
        for at in 0..self.graph.nodes.len() {
            let id = self.graph.nodes[at];
            self.assign_view(id);
            let own = self.backend[id as usize];
            for source in self.graph.get(id).src {
                if source != NONE && self.backend[source as usize] == UNSET {
                    self.assign_view(source);
                    if self.backend[source as usize] == UNSET {
                        self.backend[source as usize] = own;
                    }
                }
            }
            if self.backend[id as usize] == UNSET {
                self.backend[id as usize] = 0;
            }
        }
    }

    fn assign_view(&mut self, id: Id) {
        let root = self.graph.get(id).view_of;
        if self.backend[id as usize] == UNSET && root != NONE {
            self.backend[id as usize] = self.backend[root as usize];
        }
    }

    /// Pass 5: cuts the nodes where the backend changes; each piece begins with copies of what it
    /// reads from other backends.
    fn split(self) -> Schedule {
        let mut copies = Copies::new();
        let nodes = std::mem::take(&mut self.graph.nodes);
        let mut steps: Vec<(Step, u8)> = Vec::with_capacity(nodes.len());
        // The steps of the piece in progress, after the copies it begins with.
        let mut piece: Vec<Id> = Vec::new();
        let mut inputs = 0_u32;
        let mut current = UNSET;
        for &id in &nodes {
            let own = self.backend[id as usize];
            if self.graph.get(id).op == Op::View {
                piece.push(id);
                continue;
            }
            if current == UNSET {
                current = own;
            }
            let is_full = inputs == MOST_INPUTS && self.needs_copy(id, current, &copies);
            if own != current || is_full || (inputs > 0 && self.reads_foreign_weights(id, current)) {
                self.finish(&mut piece, current, &mut steps);
                current = own;
                inputs = 0;
            }
            for at in 0..SOURCES {
                let source = self.graph.get(id).src[at];
                if source == NONE || self.backend[source as usize] == current {
                    continue;
                }
                let copy = *copies.entry((source, current)).or_insert_with(|| {
                    inputs += 1;
                    let copy = self.graph.copy_of(source);
                    steps.push((Step::Keep(source), self.backend[source as usize]));
                    steps.push((Step::Node(copy), current));
                    copy
                });
                self.graph.tensors[id as usize].src[at] = copy;
            }
            piece.push(id);
        }
        self.finish(&mut piece, current, &mut steps);
        let leaves = self.graph.leaves.iter().map(|&id| (id, self.backend[id as usize])).collect();
        Schedule { nodes: steps, leaves, backends: usize::from(self.host) + 1 }
    }

    /// Ends the piece in progress: some devices put it into another order first.
    fn finish(&self, piece: &mut Vec<Id>, backend: u8, steps: &mut Vec<(Step, u8)>) {
        let mut nodes = std::mem::take(piece);
        if self.accelerator.reorders && backend != self.host && backend != UNSET {
            nodes = reorder(self.graph, &nodes);
        }
        steps.extend(nodes.into_iter().map(|id| (Step::Node(id), self.backend[id as usize])));
    }

    /// Whether a source has still to be copied.
    fn needs_copy(&self, id: Id, current: u8, copies: &Copies) -> bool {
        self.graph.get(id).sources().any(|source| {
            self.backend[source as usize] != current && !copies.contains_key(&(source, current))
        })
    }

    /// Whether a new piece begins, so that the room of weights copied before can be used again.
    fn reads_foreign_weights(&self, id: Id, current: u8) -> bool {
        self.graph
            .get(id)
            .sources()
            .any(|source| matches!(self.graph.get(source).home, Home::Weight { backend, .. } if backend != current))
    }
}
