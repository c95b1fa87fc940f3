// A model's state as a dot and a word.

/** @import { ModelStatus } from "../types.js" */
import { html } from "../lib.js";
import { stateOf } from "../pure/reduce.js";

/** @type {Record<string, [string, string]>} */
const SHOWN = {
  unloaded: ["", "Not loaded"], waiting: ["busy", "Waiting"], starting: ["busy", "Loading"], ready: ["good", "Ready"],
  busy: ["good", "Answering"], draining: ["warn", "Leaving"], stopping: ["warn", "Stopping"], crashed: ["bad", "Crashed"],
};

/** @type {Record<string, string>} */
const WAITS = {
  plan: "its plan is being made", memory: "there is too little memory now", room: "others make room", start: "it is being started",
  place: "it works on as many requests as it can", end: "it ends and is started again", pause: "it died again and again: a pause", hold: "memory is held for other programs",
};

/** @param {{ model: ModelStatus | undefined, long?: boolean }} props */
export function ModelState({ model, long }) {
  const state = model ? stateOf(model) : "unloaded";
  const [tone, word] = SHOWN[state] ?? ["", state];
  const why = long && model?.waits_for ? `: ${WAITS[model.waits_for.what] ?? model.waits_for.what}` : "";
  return html`<span class="row"><span class=${`dot ${tone}`} aria-hidden="true"></span><span>${word}${why}</span></span>`;
}
