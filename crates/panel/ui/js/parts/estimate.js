// What a model would take before it is here, and whether that fits.

/** @import { ModelEstimate } from "../types.js" */
import { html } from "../lib.js";
import { bytes, count } from "../pure/format.js";
import { tone } from "../pure/segments.js";
import { memory, tones } from "../state/store.js";
import { Note, Stack } from "./basics.js";

/** @type {Record<string, string>} */
const TONES = { fits: "good", evicts: "warn", tight: "warn", too_large: "bad" };

/** @param {{ estimate: ModelEstimate | null }} props */
export function EstimateView({ estimate }) {
  if (!estimate) return null;
  const colour = tone(tones, estimate.model);
  const context = estimate.plan["context_length"];
  const facts = [estimate.download?.quantisation, estimate.download ? `${bytes(estimate.download.bytes)} to download` : null, context ? `context of ${count(context)} tokens` : null];
  return html`<div class="stack estimate">
    <p class="small num"><b>${estimate.model}</b> <span class="muted">${facts.filter(Boolean).join(" · ")}</span></p>
    ${estimate.devices.filter((device) => device.total > 0).map((device) => {
      const now = memory.value?.devices.find((one) => one.id === device.id);
      const total = now?.total ?? device.total;
      return html`<${Stack} key=${device.id} label=${`What it would take of ${device.id}`} total=${Math.max(total, device.total)} mark=${now?.budget ?? null} parts=${[
        { label: `${device.id}: the model`, bytes: device.total, tone: colour }, { label: "rest", bytes: Math.max(0, total - device.total), tone: "c-free" }]} />
        <p class="small muted num">weights ${bytes(device.weights)} · cache ${bytes(device.kv_cache)} · computing ${bytes(device.compute)}</p>`;
    })}
    <${Note} tone=${TONES[estimate.fit.verdict] ?? ""}><p>${estimate.fit.why}</p>${estimate.fits?.longest_context && html`<p class="muted">The longest context that fits is ${count(estimate.fits.longest_context)} tokens.</p>`}<//>
  </div>`;
}
