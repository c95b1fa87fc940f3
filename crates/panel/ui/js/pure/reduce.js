// The daemon's state as its events change it: a snapshot, then what happens.

/** @import { Status, LoadmasterEvent, ModelStatus } from "../types.js" */

/**
 * The name of the model in an instance's name (`model#4`).
 * @param {string} instance
 */
export function modelOf(instance) {
  const at = instance.lastIndexOf("#");
  return at < 0 ? instance : instance.slice(0, at);
}

/**
 * The state after an event. What an event does not tell (plans, places in queues) comes with the next snapshot.
 * @param {Status} status
 * @param {LoadmasterEvent} event
 * @returns {Status}
 */
export function applied(status, event) {
  switch (event.event) {
    case "reserved": {
      const { instance, estimate } = event;
      return changed(status, modelOf(instance), (model) => ({
        ...model,
        instance: {
          id: instance, model: model.id, state: "starting", pid: null, endpoint: null, leases: 0,
          plan: null, predicted: estimate, actual: null, failure: undefined,
        },
      }));
    }
    case "measured":
      return onInstance(status, event.instance, { actual: event.actual, predicted: event.predicted });
    case "state":
      return onInstance(status, event.instance, { state: event.state, failure: event.failure });
    case "budgets-changed":
      return { ...status, budgets: event.budgets };
    case "not-returned":
      return { ...status, not_returned: { ...status.not_returned, [event.device]: event.bytes } };
    case "hold-released":
    case "hold-refused":
      return { ...status, holds: status.holds.filter((hold) => hold.id !== event.hold) };
    default:
      return status;
  }
}

/**
 * Whether an event changes what only a fresh snapshot tells: plans, processes, models that came or went.
 * @param {LoadmasterEvent} event
 */
export function wantsSnapshot(event) {
  return ["reserved", "state", "reloaded", "budgets-changed", "hold-waits", "hold-granted", "hold-released", "making-room", "refused"].includes(event.event);
}

/**
 * @param {Status} status
 * @param {string} id
 * @param {(model: ModelStatus) => ModelStatus} change
 * @returns {Status}
 */
function changed(status, id, change) {
  return { ...status, models: status.models.map((model) => (model.id === id ? change(model) : model)) };
}

/**
 * @param {Status} status
 * @param {string} instance
 * @param {object} fields
 */
function onInstance(status, instance, fields) {
  return changed(status, modelOf(instance), (model) =>
    model.instance?.id === instance ? { ...model, instance: { ...model.instance, ...fields } } : model,
  );
}

/** States in which an instance holds memory. */
export const ALIVE = new Set(["starting", "ready", "draining", "stopping"]);

/**
 * One word for a model: its instance's state, and what it waits for.
 * @param {ModelStatus} model
 */
export function stateOf(model) {
  const state = model.instance?.state;
  if (model.waits_for && (!state || !ALIVE.has(state))) return "waiting";
  if (!state || state === "stopped") return "unloaded";
  if (state === "ready" && (model.instance?.leases ?? 0) > 0) return "busy";
  return state;
}
