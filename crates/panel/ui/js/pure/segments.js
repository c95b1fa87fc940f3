// What a device's memory is divided into, for its bar.

/** @import { DeviceNow } from "../types.js" */

/**
 * @typedef {object} Segment
 * @property {"model" | "held" | "other" | "lost" | "free"} kind
 * @property {string} label
 * @property {number} bytes
 * @property {string | null} model the model's name, of a model's part
 * @property {string} tone the class of its colour
 */

/** How many colours there are for models. */
export const SERIES = 8;

/**
 * The colour of each model: by the order in which they were first seen, so that it never changes.
 * @param {Map<string, number>} known is added to
 * @param {string} model
 */
export function tone(known, model) {
  let index = known.get(model);
  if (index === undefined) {
    index = known.size;
    known.set(model, index);
  }
  return `s${index % SERIES}`;
}

/**
 * The parts of a device from ours to free. A model counts with what it has in memory, or where that is not known
 * with what is reserved for it.
 * @param {DeviceNow} device
 * @param {Map<string, number>} known
 * @returns {Segment[]}
 */
export function segments(device, known) {
  /** @type {Segment[]} */
  const parts = device.ours.map((one) => ({
    kind: "model",
    label: one.model,
    bytes: one.resident ?? one.reserved,
    model: one.model,
    tone: tone(known, one.model),
  }));
  if (device.held > 0) parts.push({ kind: "held", label: "Held for other programs", bytes: device.held, model: null, tone: "c-held hatch" });
  const ours = parts.reduce((sum, part) => sum + part.bytes, 0);
  const other = device.other ?? (device.free === null ? 0 : Math.max(0, device.total - device.free - ours - device.not_returned));
  if (other > 0) parts.push({ kind: "other", label: "Other programs", bytes: Math.min(other, Math.max(0, device.total - ours)), model: null, tone: "c-other" });
  if (device.not_returned > 0) {
    parts.push({ kind: "lost", label: "Not returned", bytes: device.not_returned, model: null, tone: "c-lost hatch" });
  }
  const used = parts.reduce((sum, part) => sum + part.bytes, 0);
  const free = Math.max(0, device.total - used);
  parts.push({ kind: "free", label: device.free === null ? "Free or unknown" : "Free", bytes: free, model: null, tone: "c-free" });
  return parts;
}

/**
 * What a device has in use and how much of that is ours, in bytes.
 * @param {DeviceNow} device
 */
export function used(device) {
  const ours = device.ours.reduce((sum, one) => sum + (one.resident ?? one.reserved), 0);
  const free = device.free ?? Math.max(0, device.total - ours);
  return { ours, used: Math.max(0, device.total - free), free };
}
