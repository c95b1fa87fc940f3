// A card for each device: its memory in parts, live.

/** @import { DeviceNow } from "../../types.js" */
import { html } from "../../lib.js";
import { Badge, Card, Empty, NotHere, Stack } from "../../parts/basics.js";
import { bytes } from "../../pure/format.js";
import { segments, used } from "../../pure/segments.js";
import { connection, memory, system, tones, topics } from "../../state/store.js";

/** @type {Record<string, string>} */
const KINDS = { host: "Main memory", discrete: "GPU", integrated: "Integrated GPU", software: "Software GPU" };

export function Devices() {
  const now = memory.value;
  if (!now) {
    const missing = connection.value === "open" && !topics.value.has("memory");
    return html`<${Card} title="Memory">${missing ? html`<${NotHere} what="live figures of memory" />` : html`<${Empty} icon="system" title="Reading this machine" />`}<//>`;
  }
  return html`<div class="grid two">${now.devices.map((device) => html`<${Device} key=${device.id} device=${device} cpu=${device.kind === "host" ? now.cpu_percent : null} />`)}</div>`;
}

/** @param {{ device: DeviceNow, cpu: number | null }} props */
function Device({ device, cpu }) {
  const parts = segments(device, tones);
  const sum = used(device);
  const shared = device.pool !== device.id;
  const gpu = system.value?.machine?.facts?.gpus?.find((/** @type {any} */ one) => one.id === device.id);
  const name = device.kind === "host" ? (system.value?.machine?.facts?.cpu?.model ?? "This machine") : device.name;
  return html`<${Card} title=${KINDS[device.kind] ?? device.kind}
    aside=${html`<span class="row">${cpu !== null && html`<${Badge} title="How busy all cores are">CPU ${Math.round(cpu)} %<//>`}<${Badge}>${device.id}<//></span>`}>
    <div class="stack">
      <div class="row between">
        <div class="big">${bytes(sum.used)} <span class="muted small">of ${bytes(device.total)}</span></div>
        <div class="small muted clip">${name}</div>
      </div>
      <${Stack} tall label=${`Memory of ${device.id}`} total=${device.total} parts=${parts} mark=${device.budget} />
      ${device.budget !== null && html`<p class="small muted">Loadmaster may take ${bytes(device.budget)} of it.</p>`}
      ${shared && html`<p class="small muted">Its memory is that of ${device.pool}: what models take of it counts there.</p>`}
      ${gpu?.driver_version && html`<p class="small muted">Driver: ${gpu.driver_version}</p>`}
    </div>
  <//>`;
}
