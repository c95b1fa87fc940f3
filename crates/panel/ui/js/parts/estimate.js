// What a model would take before it is here, and whether that fits.
import { html } from "../lib.js";
import { bytes } from "../pure/format.js";
import { tone } from "../pure/segments.js";
import { memory, tones } from "../state/store.js";
import { Note, Stack } from "./basics.js";

/** @type {Record<string, string>} */
const TONES = { fits: "good", evicts: "warn", tight: "warn", too_large: "bad" };

/** @param {{ estimate: any }} props */
export function EstimateView({ estimate }) {
  if (!estimate) return null;
  const devices = /** @type {any[]} */ (estimate.devices ?? []);
  const colour = tone(tones, estimate.model ?? "estimate");
  return html`<div class="stack">
    ${devices.filter((device) => device.total > 0).map((device) => {
      const now = memory.value?.devices.find((one) => one.id === device.id);
      const total = now?.total ?? device.total;
      return html`<${Stack} key=${device.id} label=${`What it would take of ${device.id}`} total=${Math.max(total, device.total)} mark=${now?.budget ?? null} parts=${[
        { label: `${device.id}: the model`, bytes: device.total, tone: colour }, { label: "rest", bytes: Math.max(0, total - device.total), tone: "c-free" }]} />
        <p class="small muted num">weights ${bytes(device.weights)} · cache ${bytes(device.kv_cache)} · computing ${bytes(device.compute)}</p>`;
    })}
    ${estimate.fit && html`<${Note} tone=${TONES[estimate.fit.verdict] ?? ""}><p>${estimate.fit.why}</p><//>`}
  </div>`;
}
