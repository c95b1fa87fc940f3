// What runs: process, place, requests, predicted and actual memory; why it died, where it did.

/** @import { ModelStatus } from "../../types.js" */
import { html, useState } from "../../lib.js";
import { Action, Card, Empty, ErrorNote } from "../../parts/basics.js";
import { ModelState } from "../../parts/model_state.js";
import { reason } from "../../pure/describe.js";
import { bytes } from "../../pure/format.js";
import { ALIVE } from "../../pure/reduce.js";
import { ask, problemOf, segment } from "../../state/api.js";

/** @param {{ model: ModelStatus }} props */
export function ServerStatus({ model }) {
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const instance = model.instance;
  const alive = instance !== null && ALIVE.has(instance.state);
  const settings = instance?.plan?.settings ?? {};
  const stop = () => ask("DELETE", `/api/v1/instances/${segment(model.id)}`);
  const crashed = instance?.state === "crashed" ? instance.failure : null;
  return html`<${Card} title="Status" aside=${alive && html`<${Action} class="danger slim" icon="stop" run=${stop} onError=${(/** @type {unknown} */ error) => setProblem(problemOf(error))}>Stop<//>`}>
    <div class="stack">
      <${ErrorNote} problem=${problem} onClose=${() => setProblem(null)} />
      ${crashed && html`<${ErrorNote} problem=${{ message: `The server died: ${reason(crashed)}.`, remedy: "The next request starts it again.", last_lines: crashed.last_lines ?? [] }} />`}
      ${!instance && html`<${Empty} icon="llm" title="Not loaded"><p>The first question loads it, or Start.</p><//>`}
      ${instance && html`<dl class="kv">
        <dt>State</dt><dd><${ModelState} model=${model} long /></dd>
        <dt>Instance</dt><dd>${instance.id}</dd>
        ${alive && html`<dt>Process</dt><dd>${instance.pid ?? "not started yet"}</dd><dt>Address</dt><dd class="mono">${instance.endpoint ?? "none yet"}</dd>`}
        <dt>Requests</dt><dd>${instance.leases} answered now, ${model.waiting} waiting</dd>
        <dt>Predicted</dt><dd>${bytes(total(instance.predicted))} (${instance.predicted.source})</dd>
        <dt>Actual</dt><dd>${instance.actual ? bytes(total(instance.actual)) : "not told yet"}</dd>
      </dl>`}
      ${Object.keys(settings).length > 0 && html`<details><summary>All settings of this plan</summary><dl class="kv small">
        ${Object.entries(settings).map(([name, value]) => html`<dt key=${name}>${name.replaceAll("_", " ")}</dt><dd class="mono">${typeof value === "object" ? JSON.stringify(value) : String(value)}</dd>`)}
      </dl></details>`}
    </div>
  <//>`;
}

/** @param {{ devices: { total: number }[] }} estimate */
function total(estimate) {
  return estimate.devices.reduce((sum, device) => sum + device.total, 0);
}
