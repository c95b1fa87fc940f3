// The ledger: what each instance was expected to take of each device, and what it took.
import { html } from "../../lib.js";
import { Badge, Card, Empty } from "../../parts/basics.js";
import { bytes } from "../../pure/format.js";
import { ALIVE } from "../../pure/reduce.js";
import { memory, status } from "../../state/store.js";

export function Ledger() {
  const now = status.value;
  const rows = (now?.models ?? []).flatMap((model) => {
    const instance = model.instance;
    if (!instance || !ALIVE.has(instance.state)) return [];
    return instance.predicted.devices.filter((device) => device.total > 0).map((device) => {
      const resident = memory.value?.devices.find((one) => one.id === device.id)?.ours.find((one) => one.instance === instance.id)?.resident ?? null;
      return { key: `${instance.id}${device.id}`, model: model.id, device: device.id, source: instance.predicted.source, predicted: device.total, actual: instance.actual?.devices.find((one) => one.id === device.id)?.total ?? null, resident };
    });
  });
  const held = (now?.holds ?? []).map((hold) => hold.note || hold.id);
  const lost = Object.entries(now?.not_returned ?? {}).filter(([, missing]) => missing > 0);
  return html`<${Card} title="Ledger" hint="What was predicted, what the servers said they took, and what the system sees.">
    ${rows.length === 0 && html`<${Empty} icon="resources" title="Nothing is reserved" />`}
    ${rows.length > 0 && html`<div class="scroll-x" tabindex="0" role="region" aria-label="Rows of the ledger"><table>
      <thead><tr><th>Model</th><th>Device</th><th class="r">Predicted</th><th class="r">Actual</th><th class="r">Off by</th><th class="r">Resident</th></tr></thead>
      <tbody>${rows.map((row) => html`<tr key=${row.key}><td><b>${row.model}</b></td><td>${row.device}</td><td class="r num" title=${row.source}>${bytes(row.predicted)}</td><td class="r num">${row.actual === null ? html`<span class="muted">not told</span>` : bytes(row.actual)}</td><td class="r num">${off(row)}</td><td class="r num">${row.resident === null ? html`<span class="muted">not known</span>` : bytes(row.resident)}</td></tr>`)}</tbody>
      <tfoot>${Object.entries(now?.reserved ?? {}).map(([device, sum]) => html`<tr key=${device}><td class="muted">reserved in all</td><td>${device}</td><td class="r num"><b>${bytes(sum)}</b></td><td colspan="3"></td></tr>`)}</tfoot>
    </table></div>`}
    ${held.length > 0 && html`<p class="small muted">Held for other programs: ${held.join(", ")}</p>`}
    ${lost.map(([device, missing]) => html`<p key=${device} class="small"><${Badge} tone="warn">${bytes(missing)} of ${device} did not come back<//></p>`)}
  <//>`;
}

/** @param {{ predicted: number, actual: number | null }} row */
function off({ predicted, actual }) {
  if (actual === null || actual === 0) return html`<span class="muted">–</span>`;
  const share = ((predicted - actual) / actual) * 100;
  return `${share >= 0 ? "+" : "−"}${Math.abs(share).toFixed(1)} %`;
}
