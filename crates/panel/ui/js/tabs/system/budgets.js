// How much of each device Loadmaster may take, as sliders.

/** @import { DeviceNow } from "../../types.js" */
import { html, useState } from "../../lib.js";
import { Action, Card, Empty, ErrorNote } from "../../parts/basics.js";
import { bytes } from "../../pure/format.js";
import { ask, problemOf } from "../../state/api.js";
import { memory, status } from "../../state/store.js";

const STEP = 64 * 1024 * 1024;

export function Budgets() {
  /** @type {[Record<string, number | null>, any]} what was moved and not set yet; null is no limit */
  const [moved, setMoved] = useState({});
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const devices = memory.value?.devices ?? [];
  const dirty = Object.keys(moved).length > 0;
  const apply = async () => {
    setProblem(null);
    const budgets = { ...(status.value?.budgets ?? {}) };
    for (const [device, limit] of Object.entries(moved)) {
      if (limit === null) delete budgets[device];
      else budgets[device] = `${limit} B`;
    }
    await ask("PUT", "/api/v1/budgets", budgets);
    setMoved({});
  };
  return html`<${Card} title="Budgets" hint="What all models together may take of each device. The rest stays for other programs.">
    ${devices.length === 0 && html`<${Empty} icon="sliders" title="No device is known yet" />`}
    <div class="stack">
      ${devices.map((device) => html`<${Slider} key=${device.id} device=${device} moved=${moved[device.id]} onMove=${(/** @type {number | null} */ limit) => setMoved({ ...moved, [device.id]: limit })} />`)}
      <${ErrorNote} problem=${problem} onClose=${() => setProblem(null)} />
      ${devices.length > 0 && html`<div class="row">
        <${Action} class="primary" icon="check" disabled=${!dirty} run=${apply} onError=${(/** @type {unknown} */ error) => setProblem(problemOf(error))}>Apply<//>
        ${dirty && html`<button class="btn ghost" onClick=${() => setMoved({})}>Undo</button>`}
      </div>`}
    </div>
  <//>`;
}

/** @param {{ device: DeviceNow, moved: number | null | undefined, onMove: (limit: number | null) => void }} props */
function Slider({ device, moved, onMove }) {
  const limit = moved === undefined ? device.budget : moved;
  const shown = limit === null ? `no limit (${bytes(device.total)})` : `${bytes(limit)} of ${bytes(device.total)}`;
  /** @param {Event} event */
  const slid = (event) => {
    const value = Number(/** @type {HTMLInputElement} */ (event.target).value) * STEP;
    onMove(value >= device.total - STEP ? null : value);
  };
  return html`<label class="field"><span><span>${device.id === "host" ? "Main memory" : device.name}</span><output>${shown}</output></span>
    <input type="range" min="1" max=${Math.ceil(device.total / STEP)} value=${Math.round((limit ?? device.total) / STEP)} aria-valuetext=${shown} onInput=${slid} />
  </label>`;
}
