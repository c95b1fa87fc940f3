// Events in words.

/** @import { LoadmasterEvent, Failure } from "../types.js" */
import { bytes } from "./format.js";
import { modelOf } from "./reduce.js";

/**
 * An event as a sentence, and whether it is good or bad news.
 * @param {LoadmasterEvent} event
 * @returns {{ text: string, tone: "" | "good" | "warn" | "bad" }}
 */
export function described(event) {
  switch (event.event) {
    case "reserved":
      return plain(`${event.instance} starts, with ${bytes(sum(event.estimate))} reserved`);
    case "measured":
      return plain(`${event.instance} took ${bytes(sum(event.actual))}, ${bytes(sum(event.predicted))} were expected`);
    case "state":
      return state(event.instance, event.state, event.failure);
    case "making-room":
      return { text: `${list(event.leaving.map(modelOf))} ${event.leaving.length === 1 ? "makes" : "make"} room for ${event.model}`, tone: "warn" };
    case "saved":
      return plain(`${event.kept.conversations} conversations of ${event.instance} were kept (${bytes(event.kept.bytes)})`);
    case "restored":
      return { text: `${event.instance} got ${event.kept.conversations} conversations back`, tone: "good" };
    case "refused":
      return { text: `${event.model} was refused: ${event.cause}`, tone: "bad" };
    case "outdated":
      return plain(`${event.instance} ends: its model was changed`);
    case "reloaded":
      return plain(`The configuration was read again: ${event.added.length} added, ${event.removed.length} removed, ${event.changed.length} changed`);
    case "reload-failed":
      return { text: `The configuration is wrong: ${event.cause}`, tone: "bad" };
    case "budgets-changed":
      return plain(`Budgets: ${Object.entries(event.budgets).map(([device, budget]) => `${device} ${budget}`).join(", ") || "none"}`);
    case "over-budget":
      return { text: `${event.device} is ${bytes(event.beyond)} beyond its budget`, tone: "warn" };
    case "hold-waits":
      return plain(`Memory is to be held${event.note ? ` for ${event.note}` : ""}`);
    case "hold-granted":
      return plain(`Memory is held${event.note ? ` for ${event.note}` : ""}`);
    case "hold-refused":
      return { text: `Memory cannot be held: ${event.cause}`, tone: "bad" };
    case "hold-released":
      return plain("A hold was released");
    case "not-returned":
      return event.bytes > 0
        ? { text: `${bytes(event.bytes)} of ${event.device} did not come back`, tone: "warn" }
        : { text: `All memory of ${event.device} came back`, tone: "good" };
    default:
      return plain(/** @type {any} */ (event).event);
  }
}

/** @param {string} text */
function plain(text) {
  return { text, tone: /** @type {""} */ ("") };
}

/**
 * @param {string} instance
 * @param {string} name
 * @param {Failure | undefined} failure
 * @returns {{ text: string, tone: "" | "good" | "warn" | "bad" }}
 */
function state(instance, name, failure) {
  switch (name) {
    case "ready": return { text: `${instance} is ready`, tone: "good" };
    case "crashed": return { text: `${instance} died: ${reason(failure)}`, tone: "bad" };
    case "draining": return { text: `${instance} finishes its requests and leaves`, tone: "" };
    case "stopping": return plain(`${instance} is being stopped`);
    case "stopped": return plain(`${instance} has stopped`);
    default: return plain(`${instance} is ${name}`);
  }
}

/**
 * Why a server died, in words.
 * @param {Failure | undefined | null} failure
 */
export function reason(failure) {
  const why = failure?.reason;
  if (!why) return "nobody knows why";
  switch (why.kind) {
    case "out-of-memory": return `out of memory${why.device ? ` on ${why.device}` : ""}`;
    case "bad-model": return "the model's file is damaged";
    case "unsupported-architecture": return `this server does not know ${why.name ?? "this kind of model"}`;
    case "bad-flag": return `it does not know the flag ${why.flag ?? ""}`;
    case "missing-library": return `a library is missing${why.name ? `: ${why.name}` : ""}`;
    case "illegal-instruction": return "it was built for a newer processor";
    case "driver": return "the graphics driver failed";
    case "signal": return `ended by ${why.name ?? "a signal"} from outside`;
    case "exited": return `it exited with code ${why.code}`;
    case "hung": return `nothing came of it for ${why.seconds} s`;
    case "address-in-use": return "its address is in use";
    case "stopped": return "it was stopped";
    default: return why.kind.replaceAll("-", " ");
  }
}

/** @param {{ devices: { total: number }[] }} estimate */
function sum(estimate) {
  return estimate.devices.reduce((total, device) => total + device.total, 0);
}

/** @param {string[]} names */
function list(names) {
  if (names.length === 0) return "Nobody";
  return names.length === 1 ? names[0] : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
