// What somebody who helps wants to see, to copy in one go. Nothing leaves this page by itself.
import { html, useState } from "../../lib.js";
import { Action, Card, Copy, ErrorNote } from "../../parts/basics.js";
import { described } from "../../pure/describe.js";
import { ask, problemOf, segment } from "../../state/api.js";
import { events, memory, status, system } from "../../state/store.js";

/** Events that are told of. */
const LATEST = 50;

/** @type {[string, string, () => Promise<any>][]} */
const PARTS = [
  ["running", "Running plans", async () => (await ask("GET", "/api/v1/instances")).models.filter((/** @type {any} */ model) => model.instance)],
  ["capabilities", "Capabilities of this machine", async () => system.peek() ?? ask("GET", "/api/v1/system")],
  ["plans", "Optimal plans and estimates", plans],
  ["memory", "Memory now", async () => memory.peek()],
  ["decisions", "Latest decisions, with their reasons", async () => events.peek().slice(-LATEST).map((one) => ({ at: new Date(one.at).toISOString(), what: described(one.event).text, ...one.event }))],
];

/** The plan of each model that can be asked for. */
async function plans() {
  /** @type {Record<string, any>} */
  const all = {};
  for (const model of status.peek()?.models ?? []) {
    all[model.id] = await ask("GET", `/api/v1/plan/${segment(model.id)}`).catch((error) => ({ error: problemOf(error).told }));
  }
  return all;
}

export function Diagnostics() {
  const [told, setTold] = useState(/** @type {Record<string, any> | null} */ (null));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const failed = (/** @type {unknown} */ error) => setProblem(problemOf(error));
  const read = async (/** @type {string[]} */ keys) => {
    setProblem(null);
    /** @type {Record<string, any>} */
    const all = {};
    for (const [key, , part] of PARTS) if (keys.includes(key)) all[key] = await part();
    setTold(all);
  };
  const text = told ? JSON.stringify(told, null, 2) : "";
  return html`<${Card} title="Diagnostics" hint="For whoever helps: it stays on this page until you copy it.">
    <div class="stack">
      <div class="row">
        <${Action} class="primary slim" icon="eye" run=${() => read(PARTS.map(([key]) => key))} onError=${failed}>Everything<//>
        ${PARTS.map(([key, label]) => html`<${Action} key=${key} class="slim" run=${() => read([key])} onError=${failed}>${label}<//>`)}
      </div>
      <${ErrorNote} problem=${problem} />
      ${told && html`<div class="row between"><span class="small muted num">${text.length.toLocaleString("en")} characters</span><${Copy} slim text=${() => text} /></div>
        <pre class="dump" tabindex="0" aria-label="Diagnostics">${text}</pre>`}
    </div>
  <//>`;
}
