// The grid of servers: one tile for each model that can be asked for.

/** @import { ModelStatus } from "../../types.js" */
import { html, useState } from "../../lib.js";
import { Action, Badge, Card, Empty, ErrorNote } from "../../parts/basics.js";
import { ModelState } from "../../parts/model_state.js";
import { reason } from "../../pure/describe.js";
import { bytes } from "../../pure/format.js";
import { ALIVE } from "../../pure/reduce.js";
import { tone } from "../../pure/segments.js";
import { ask, problemOf, segment } from "../../state/api.js";
import { status, tones } from "../../state/store.js";

export function Servers() {
  const all = status.value?.models ?? [];
  const order = [...all].sort((one, other) => rank(one) - rank(other) || one.id.localeCompare(other.id));
  return html`<${Card} title="Servers" aside=${html`<span class="muted small num">${all.filter((model) => rank(model) === 0).length} of ${all.length} in memory</span>`}>
    ${all.length === 0 && html`<${Empty} icon="models" title="No model can be asked for"><a class="btn" href="#/models">Choose one</a><//>`}
    <ul class="tiles">${order.map((model) => html`<${Tile} key=${model.id} model=${model} />`)}</ul>
  <//>`;
}

/** @param {ModelStatus} model */
function rank(model) {
  return model.instance && ALIVE.has(model.instance.state) ? 0 : model.waiting > 0 ? 1 : 2;
}

/** @param {{ model: ModelStatus }} props */
function Tile({ model }) {
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const instance = model.instance;
  const alive = instance && ALIVE.has(instance.state);
  const taken = instance && alive ? (instance.actual ?? instance.predicted).devices : [];
  return html`<li class=${`tile ${alive ? "" : "off"}`} data-model=${model.id} data-state=${instance?.state ?? "none"}>
    <div class="row between"><span class="row"><i class=${`swatch ${tone(tones, model.id)}`} aria-hidden="true"></i><b class="clip">${model.id}</b></span><${Badge}>${model.kind}<//></div>
    <${ModelState} model=${model} long />
    <p class="small muted num">${alive ? `${taken.map((device) => `${device.id} ${bytes(device.total)}`).join(" · ")}${instance.pid ? ` · process ${instance.pid}` : ""}` : "takes no memory"}</p>
    <p class="small muted num">${instance?.leases ?? 0} answered now · ${model.waiting} waiting</p>
    ${instance?.state === "crashed" && html`<p class="small bad-text">Died: ${reason(instance.failure)}. The next request starts it again.</p>`}
    <${ErrorNote} problem=${problem} onClose=${() => setProblem(null)} />
    ${alive && html`<${Action} class="slim ghost" icon="stop" run=${() => ask("DELETE", `/api/v1/instances/${segment(model.id)}`)} onError=${(/** @type {unknown} */ error) => setProblem(problemOf(error))}>Stop<//>`}
  </li>`;
}
