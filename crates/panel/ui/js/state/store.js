// The panel's state, in signals. state/stream.js feeds it; pages read it.

/** @import { Status, MemoryNow, LoadmasterEvent, LibraryModel, Task, Job, Server, LogLine } from "../types.js" */
import { computed, signal } from "../lib.js";
import { begun } from "../pure/lanes.js";

/**
 * @template T
 * @typedef {{ value: T, peek(): T, subscribe(fn: (value: T) => void): () => void }} Cell
 */
/** @typedef {{ n: number, at: number, event: LoadmasterEvent }} Happened */
/** @typedef {{ at: number, cpu: number | null, devices: Record<string, { ours: number, used: number }> }} Sample */

/** Whether the stream of events is there: `connecting`, `open`, `lost`, or `denied` where a token is missing. */
export const connection = signal("connecting");
/** When it was lost. */
export const lostAt = signal(0);

/** @type {Cell<Status | null>} */
export const status = signal(null);
/** @type {Cell<MemoryNow | null>} */
export const memory = signal(null);
/** @type {Cell<Sample[]>} The last ten minutes, a sample each second. */
export const samples = signal([]);
/** @type {Cell<Happened[]>} */
export const events = signal([]);
/** @type {Cell<import("../pure/lanes.js").Timeline>} */
export const timeline = signal(begun(Date.now()));
/** @type {Cell<LibraryModel[] | null>} */
export const library = signal(null);
/** @type {Cell<Map<string, Task>>} Downloads and verifications, by id. */
export const downloads = signal(new Map());
/** @type {Cell<Map<string, Job> | null>} */
export const jobs = signal(null);
/** @type {Cell<Server[] | null>} */
export const builds = signal(null);
/** @type {Cell<Map<string, any>>} Installations of builds, by id. */
export const installs = signal(new Map());
/** @type {Cell<LogLine[]>} */
export const logs = signal([]);
/** @type {Cell<any>} */
export const settings = signal(null);
/** @type {Cell<any>} What GET /api/v1/system said when the connection began. */
export const system = signal(null);
/** @type {Cell<Set<string>>} Topics of the stream that this daemon has. */
export const topics = signal(new Set());

/** The colours of models, by name; they last as long as the page. */
export const tones = new Map();

/** Models that can be asked for, by kind. */
export const languageModels = computed(() => (status.value?.models ?? []).filter((model) => model.kind !== "image" && model.kind !== "embedding"));
export const imageModels = computed(() => (status.value?.models ?? []).filter((model) => model.kind === "image"));

/** What is under way, for the numbers beside the tabs. */
export const activeDownloads = computed(() => [...downloads.value.values()].filter((task) => ["queued", "running", "verifying"].includes(task.state)));
export const activeJobs = computed(() => [...(jobs.value?.values() ?? [])].filter((job) => ["queued", "running"].includes(job.state)));
