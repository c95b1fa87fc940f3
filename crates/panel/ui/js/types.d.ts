// What the daemon says, as far as the panel reads it. Types only: nothing of this file is loaded by the page.

export interface DeviceEstimate { id: string; weights: number; kv_cache: number; compute: number; other: number; total: number; mapped: number }
export interface Estimate { source: string; margin_percent: number; devices: DeviceEstimate[] }
export interface Failure { reason: { kind: string; [name: string]: any }; last_lines?: string[] }
export interface Shortage { device: string; needed: number; available: number; budget: number | null }

export interface InstanceStatus {
  id: string; model: string; state: string; failure?: Failure | undefined; pid: number | null; endpoint: string | null; leases: number;
  plan: { backend: string; settings: Record<string, any>; [name: string]: any } | null;
  predicted: Estimate; actual: Estimate | null;
}
export interface ModelStatus { id: string; kind: string; waiting: number; waits_for: { what: string; [name: string]: any } | null; instance: InstanceStatus | null }
export interface Status {
  models: ModelStatus[]; reserved: Record<string, number>; closing: boolean; last_event: number;
  budgets: Record<string, string>; holds: { id: string; note?: string; [name: string]: any }[]; not_returned: Record<string, number>;
}

export interface Kept { conversations: number; tokens: number; bytes: number }
export type LoadmasterEvent =
  | { event: "reserved"; instance: string; estimate: Estimate }
  | { event: "measured"; instance: string; predicted: Estimate; actual: Estimate }
  | { event: "state"; instance: string; state: string; failure?: Failure }
  | { event: "making-room"; model: string; leaving: string[] }
  | { event: "saved" | "restored"; instance: string; kept: Kept }
  | { event: "refused"; model: string; cause: string }
  | { event: "outdated"; instance: string }
  | { event: "reloaded"; added: string[]; removed: string[]; changed: string[]; kept: string[] }
  | { event: "reload-failed"; cause: string }
  | { event: "budgets-changed"; budgets: Record<string, string>; leaving: string[] }
  | { event: "over-budget"; device: string; beyond: number; pinned: string[] }
  | { event: "hold-waits"; hold: string; note: string; leaving: string[] }
  | { event: "hold-granted"; hold: string; note: string; devices: Record<string, number> }
  | { event: "hold-refused"; hold: string; cause: string }
  | { event: "hold-released"; hold: string }
  | { event: "not-returned"; device: string; bytes: number };

export interface Ours { model: string; instance: string; reserved: number; resident: number | null }
export interface DeviceNow {
  id: string; name: string; kind: string; pool: string; total: number; free: number | null; budget: number | null;
  ours: Ours[]; held: number; not_returned: number; other: number | null;
}
export interface MemoryNow { at_ms: number; cpu_percent: number | null; devices: DeviceNow[] }

export interface ApiProblem { message: string; remedy?: string; code?: string; status?: number; [name: string]: any }
export interface Fit { verdict: string; devices: { id: string; total: number }[]; leaves: string[]; why: string }
export interface LibraryModel {
  name: string; kind: string; state: string; origin: any; path: string; bytes: number;
  parts: { role: string; path: string; bytes: number }[]; format: string; architecture: string | null; quantisation: string | null;
  parameters: number | null; context_length: number | null; features: string[]; configured: boolean; error: ApiProblem | null; fit: Fit | null;
}
export interface Task {
  id: string; model: string | null; source?: string; state: string; kind?: string; step?: string | null; bytes: number; total: number | null; bytes_per_second: number | null; eta_ms: number | null;
  parts: { name: string; bytes: number; total: number | null }[]; error: ApiProblem | null;
}
export interface Job {
  id: string; model: string; state: string; stage: string | null; step: number | null; steps: number | null; image: number | null; n: number;
  fraction: number | null; eta_ms: number | null; place: number | null; places: number | null; why?: string | null; created_at: number; updated_at: number;
  ended_at: number | null; request: Record<string, any>; error: ApiProblem | null; images: string[]; timings: Record<string, number> | null;
  parameters?: Record<string, any>;
}
export interface Capabilities {
  family: string | null; mode: string; samplers: string[]; schedulers: string[]; loras: string[]; edits: boolean; previews: boolean;
  limits: { max_pixels: number; max_side: number; min_side: number; multiple: number; max_steps: number; max_batch: number };
  defaults: Record<string, any>;
}
export interface Plan {
  model: string; state: string | null; backend: string; source: string; margin_percent: number; plan: Record<string, any>;
  devices: DeviceEstimate[]; shortages: Shortage[]; leaving: { instance: string; model: string | null; requests: number | null }[];
  lacking: Shortage[]; holds: string[];
}
export interface Preset {
  name: string; title: string; kind: string; repo: string; licence: string | null; licence_url: string | null; parameters: string | null;
  sizes: Record<string, number>; quantisation: string | null; bytes: number | null; parts: { role: string; repo: string; file: string | null }[];
  recommended: Record<string, any>; installed: boolean; fit: Fit;
}
export interface ModelEstimate {
  model: string; backend: string | null; source: string; margin_percent: number; plan: Record<string, any>; devices: DeviceEstimate[];
  shortages: Shortage[]; fits: { gpu_layers: number | null; longest_context: number | null } | null; fit: Fit;
  download?: { name: string; bytes: number; quantisation: string | null; reason: string | null };
}
export interface Build { id: string; version: string | null; variant: any; origin: any; installed?: boolean; suitable?: boolean; proven: any; rejected: { why: string; remedy: string | null } | null }
export interface Server { server: string; active: string | Build | null; builds: Build[] }
export interface LogLine { source: string; model: string | null; level: "error" | "warn" | "info" | "debug"; at_ms: number; line: string; n?: number }
