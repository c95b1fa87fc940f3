// The one stream of events that feeds the state. It comes back by itself when it was lost.

/** @import { LoadmasterEvent, MemoryNow, Status } from "../types.js" */
import { batch } from "../lib.js";
import { applied, wantsSnapshot } from "../pure/reduce.js";
import { withEvent, withSnapshot } from "../pure/lanes.js";
import { added } from "../pure/lines.js";
import { used } from "../pure/segments.js";
import { ask, refused } from "./api.js";
import * as store from "./store.js";

/** What is asked for; a daemon that has less says so, and is asked for that. */
const WANTED = ["memory", "downloads", "jobs", "library", "builds", "logs", "settings"];

const EVENTS = [
  "reserved", "measured", "state", "making-room", "saved", "restored", "refused", "outdated", "reloaded", "reload-failed",
  "budgets-changed", "over-budget", "hold-waits", "hold-granted", "hold-refused", "hold-released", "not-returned",
];

/** Samples of memory that are kept: ten minutes. */
const SAMPLES = 600;
/** Events that are kept. */
const KEPT = 2000;
/** Times between attempts, in milliseconds. */
const PAUSES = [300, 600, 1000, 2000, 3000];

let asked = WANTED;
let attempt = 0;
let number = 0;
/** @type {EventSource | null} */
let source = null;
/** @type {number | undefined} */
let retry;
/** @type {number | undefined} */
let refresh;
/** @type {import("../types.js").LogLine[]} */
let pendingLines = [];

/** Begins to listen. */
export function connect() {
  clearTimeout(retry);
  source?.close();
  const query = asked.length > 0 ? `?topics=${asked.join(",")}` : "";
  const own = new EventSource(`/api/v1/events${query}`);
  source = own;
  own.onopen = () => {
    attempt = 0;
    batch(() => {
      store.connection.value = "open";
      store.topics.value = new Set(asked);
    });
    void ask("GET", "/api/v1/system").then((told) => { store.system.value = told; }).catch(() => {});
  };
  own.onerror = () => {
    own.close();
    if (source !== own) return;
    source = null;
    lost();
    void again(query);
  };
  own.addEventListener("snapshot", (message) => snapshot(JSON.parse(message.data)));
  for (const name of EVENTS) own.addEventListener(name, (message) => happened(JSON.parse(message.data)));
  own.addEventListener("memory", (message) => remembered(JSON.parse(message.data)));
  own.addEventListener("library", (message) => { store.library.value = listOf(JSON.parse(message.data), "models"); });
  own.addEventListener("downloads", (message) => { store.downloads.value = byId(listOf(JSON.parse(message.data), "downloads")); });
  own.addEventListener("download", (message) => { store.downloads.value = withOne(store.downloads.peek(), JSON.parse(message.data)); });
  own.addEventListener("jobs", (message) => { store.jobs.value = byId(listOf(JSON.parse(message.data), "data")); });
  own.addEventListener("job", (message) => { store.jobs.value = withOne(store.jobs.peek() ?? new Map(), JSON.parse(message.data)); });
  own.addEventListener("builds", (message) => { store.builds.value = listOf(JSON.parse(message.data), "servers"); });
  own.addEventListener("install", (message) => { store.installs.value = withOne(store.installs.peek(), JSON.parse(message.data)); });
  own.addEventListener("settings", (message) => { store.settings.value = JSON.parse(message.data); });
  own.addEventListener("log", (message) => line(JSON.parse(message.data)));
}

function lost() {
  if (store.connection.peek() !== "lost") store.lostAt.value = Date.now();
  store.connection.value = "lost";
}

/**
 * Asks why the stream ended, and begins another one: at once where a topic was not known, later where nobody answers.
 * @param {string} query
 */
async function again(query) {
  const pause = PAUSES[Math.min(attempt, PAUSES.length - 1)] ?? 3000;
  attempt += 1;
  if (attempt === 1 && asked.length > 0) {
    const known = await knownTopics(query).catch(() => null);
    if (known === "denied") {
      // Trying again would not help: whoever opens the right link gets another page.
      store.connection.value = "denied";
      return;
    }
    if (known) {
      asked = WANTED.filter((topic) => known.includes(topic));
      connect();
      return;
    }
  }
  clearTimeout(retry);
  retry = window.setTimeout(connect, pause);
}

/**
 * The topics that this daemon knows, where that was what it refused; `denied` where it asks for a token.
 * @param {string} query
 * @returns {Promise<string[] | "denied" | null>}
 */
async function knownTopics(query) {
  const controller = new AbortController();
  const response = await fetch(`/api/v1/events${query}`, { signal: controller.signal });
  if (response.ok) {
    controller.abort();
    return null;
  }
  if (response.status === 401) return "denied";
  const problem = await refused(response);
  return problem.told.code === "unknown_topic" ? (problem.told["known"] ?? []) : null;
}

/** @param {Status} status */
function snapshot(status) {
  batch(() => {
    store.connection.value = "open";
    store.status.value = status;
    store.timeline.value = withSnapshot(store.timeline.peek(), status, Date.now());
  });
}

/** @param {LoadmasterEvent} event */
function happened(event) {
  const at = Date.now();
  number += 1;
  batch(() => {
    const status = store.status.peek();
    if (status) store.status.value = applied(status, event);
    store.timeline.value = withEvent(store.timeline.peek(), event, at);
    store.events.value = [...store.events.peek().slice(-KEPT + 1), { n: number, at, event }];
  });
  if (wantsSnapshot(event)) refreshSoon();
}

/** Reads the whole state again, a moment after what makes that worth while. */
export function refreshSoon() {
  clearTimeout(refresh);
  refresh = window.setTimeout(() => {
    void ask("GET", "/api/v1/instances").then((status) => { store.status.value = status; }).catch(() => {});
  }, 120);
}

/** @param {MemoryNow} memory */
function remembered(memory) {
  /** @type {Record<string, { ours: number, used: number }>} */
  const devices = {};
  for (const device of memory.devices) devices[device.id] = used(device);
  batch(() => {
    store.memory.value = memory;
    store.samples.value = [...store.samples.peek().slice(-SAMPLES + 1), { at: memory.at_ms, cpu: memory.cpu_percent, devices }];
  });
}

/** @param {import("../types.js").LogLine} told */
function line(told) {
  pendingLines.push(told);
  // Thousands of lines a second are one change of the page.
  if (pendingLines.length === 1) {
    setTimeout(() => {
      store.logs.value = added(store.logs.peek(), pendingLines);
      pendingLines = [];
    }, 60);
  }
}

/**
 * @param {any} told
 * @param {string} name
 */
function listOf(told, name) {
  return Array.isArray(told) ? told : (told?.[name] ?? []);
}

/** @param {any[]} list */
function byId(list) {
  return new Map(list.map((one) => [one.id, one]));
}

/**
 * @param {Map<string, any>} map
 * @param {any} one
 */
function withOne(map, one) {
  return new Map(map).set(one.id, one);
}
