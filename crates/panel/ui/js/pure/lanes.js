// The timeline: what was in memory when, one lane for each device, made of events.

/** @import { Status, LoadmasterEvent, Estimate } from "../types.js" */
import { ALIVE, modelOf } from "./reduce.js";

/**
 * @typedef {object} Phase
 * @property {string} state
 * @property {number} from milliseconds since 1970
 */
/**
 * @typedef {object} Span
 * @property {string} instance
 * @property {string} model
 * @property {number} from
 * @property {number | null} to null while it lasts
 * @property {boolean} seen whether its beginning was seen
 * @property {Phase[]} phases
 * @property {Record<string, number>} devices bytes by device
 * @property {string} end how it ended
 */
/**
 * @typedef {object} Mark
 * @property {number} at
 * @property {string} kind
 * @property {string} model
 * @property {string} text
 */
/** @typedef {{ spans: Span[], marks: Mark[], begun: number }} Timeline */

/** Older parts are forgotten: two hours. */
export const KEPT_MS = 2 * 3600 * 1000;

/**
 * @param {number} now
 * @returns {Timeline}
 */
export function begun(now) {
  return { spans: [], marks: [], begun: now };
}

/** @param {Estimate | null | undefined} estimate */
function byDevice(estimate) {
  /** @type {Record<string, number>} */
  const devices = {};
  for (const device of estimate?.devices ?? []) {
    if (device.total > 0) devices[device.id] = device.total;
  }
  return devices;
}

/**
 * A snapshot: what runs and is not known yet began before it was seen, and what is not there any more has ended.
 * @param {Timeline} timeline
 * @param {Status} status
 * @param {number} now
 * @returns {Timeline}
 */
export function withSnapshot(timeline, status, now) {
  const alive = status.models.flatMap((model) => (model.instance && ALIVE.has(model.instance.state) ? [model.instance] : []));
  const ids = new Set(alive.map((instance) => instance.id));
  const spans = timeline.spans.map((span) =>
    span.to === null && !ids.has(span.instance) ? { ...span, to: now, end: "stopped" } : span,
  );
  for (const instance of alive) {
    if (spans.some((span) => span.instance === instance.id && span.to === null)) continue;
    spans.push({
      instance: instance.id, model: instance.model, from: now, to: null, seen: false,
      phases: [{ state: instance.state, from: now }],
      devices: byDevice(instance.actual ?? instance.predicted), end: "",
    });
  }
  return { ...timeline, spans };
}

/**
 * @param {Timeline} timeline
 * @param {LoadmasterEvent} event
 * @param {number} now
 * @returns {Timeline}
 */
export function withEvent(timeline, event, now) {
  const oldest = now - KEPT_MS;
  const spans = timeline.spans.filter((span) => span.to === null || span.to > oldest);
  const marks = timeline.marks.filter((mark) => mark.at > oldest);
  const next = { ...timeline, spans, marks };
  switch (event.event) {
    case "reserved":
      spans.push({
        instance: event.instance, model: modelOf(event.instance), from: now, to: null, seen: true,
        phases: [{ state: "starting", from: now }], devices: byDevice(event.estimate), end: "",
      });
      return next;
    case "measured":
      return onSpan(next, event.instance, (span) => ({ ...span, devices: byDevice(event.actual) }));
    case "state":
      if (event.state === "crashed") mark(next, now, "crash", modelOf(event.instance), `${event.instance} died`);
      return onSpan(next, event.instance, (span) => {
        const phases = [...span.phases, { state: event.state, from: now }];
        return ALIVE.has(event.state) ? { ...span, phases } : { ...span, to: now, end: event.state };
      });
    case "making-room":
      return mark(next, now, "evict", event.model, `Makes room for ${event.model}: ${event.leaving.map(modelOf).join(", ") || "nobody"} leaves`);
    case "restored":
      return mark(next, now, "restore", modelOf(event.instance), `${modelOf(event.instance)} got its conversations back`);
    case "saved":
      return mark(next, now, "save", modelOf(event.instance), `Conversations of ${modelOf(event.instance)} were kept`);
    case "refused":
      return mark(next, now, "refused", event.model, `${event.model} was refused: ${event.cause}`);
    default:
      return next;
  }
}

/**
 * @param {Timeline} timeline
 * @param {number} at
 * @param {string} kind
 * @param {string} model
 * @param {string} text
 */
function mark(timeline, at, kind, model, text) {
  timeline.marks.push({ at, kind, model, text });
  return timeline;
}

/**
 * @param {Timeline} timeline
 * @param {string} instance
 * @param {(span: Span) => Span} change
 * @returns {Timeline}
 */
function onSpan(timeline, instance, change) {
  const spans = timeline.spans.map((span) => (span.instance === instance && span.to === null ? change(span) : span));
  return { ...timeline, spans };
}

/**
 * The rows of one device's lane: one for each model that had a part of it within the window.
 * @param {Timeline} timeline
 * @param {string} device
 * @param {number} from
 */
export function rows(timeline, device, from) {
  /** @type {Map<string, Span[]>} */
  const models = new Map();
  for (const span of timeline.spans) {
    if (!((span.devices[device] ?? 0) > 0) || (span.to !== null && span.to < from)) continue;
    const list = models.get(span.model);
    if (list) list.push(span);
    else models.set(span.model, [span]);
  }
  return [...models].map(([model, spans]) => ({ model, spans }));
}

/**
 * The pieces of a span within a window, each from 0 to 1 of it.
 * @param {Span} span
 * @param {number} from
 * @param {number} to
 */
export function pieces(span, from, to) {
  const length = to - from;
  const end = span.to ?? to;
  return span.phases.flatMap((phase, index) => {
    const until = Math.min(span.phases[index + 1]?.from ?? end, end);
    const left = Math.max(phase.from, from);
    if (until < from || until < left) return [];
    return [{ state: phase.state, left: (left - from) / length, width: Math.max(0, (until - left) / length), ms: until - phase.from }];
  });
}
