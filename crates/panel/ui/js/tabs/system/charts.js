// The last minutes: memory of each device and the processor.
import { html, useMemo } from "../../lib.js";
import { Card } from "../../parts/basics.js";
import { Chart } from "../../parts/chart.js";
import { bytes } from "../../pure/format.js";
import { memory, samples } from "../../state/store.js";

const MEMORY = [{ label: "In use", color: "--other", fill: true }, { label: "Ours", color: "--s0", fill: true }];
const CPU = [{ label: "Processor", color: "--s1", fill: true }];
const asPercent = (/** @type {number} */ value) => `${Math.round(value)} %`;
const asBytes = (/** @type {number} */ value) => (value === 0 ? "0" : bytes(value));

export function Charts() {
  const all = samples.value;
  const devices = memory.value?.devices ?? [];
  const seconds = useMemo(() => all.map((sample) => sample.at / 1000), [all]);
  if (devices.length === 0) return null;
  const charted = devices.filter((device) => device.pool === device.id);
  return html`<div class="grid two">
    ${charted.map((device) => html`<${Card} key=${device.id} title=${`${device.id === "host" ? "Main memory" : device.name}, last minutes`}
      aside=${html`<ul class="legend-list"><li><i class="s0" aria-hidden="true"></i>Ours</li><li><i class="c-other" aria-hidden="true"></i>All in use</li></ul>`}>
      <${Chart} label=${`Memory of ${device.id} over the last minutes`} series=${MEMORY} max=${device.total} format=${asBytes}
        data=${[seconds, all.map((sample) => sample.devices[device.id]?.used ?? null), all.map((sample) => sample.devices[device.id]?.ours ?? null)]} />
    <//>`)}
    <${Card} title="Processor, last minutes" aside=${html`<span class="muted small">all cores</span>`}>
      <${Chart} label="How busy the processor was over the last minutes" series=${CPU} max=${100} format=${asPercent} data=${[seconds, all.map((sample) => sample.cpu)]} />
    <//>
  </div>`;
}
