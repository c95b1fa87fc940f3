// A plan against what is free: what it would take of each device, who would leave for it, and what it would lack.

/** @import { DeviceNow, Plan } from "../types.js" */
import { html } from "../lib.js";
import { bytes } from "../pure/format.js";
import { tone, used } from "../pure/segments.js";
import { memory, tones } from "../state/store.js";
import { ErrorNote, Note, Stack } from "./basics.js";

/** @param {{ plan: Plan | null, problem?: any, changed?: boolean }} props */
export function PlanView({ plan, problem, changed = false }) {
  if (problem) return html`<${ErrorNote} problem=${problem} />`;
  if (!plan) return html`<p class="muted small row"><span class="spin" aria-hidden="true"></span>Planning</p>`;
  const leaving = plan.leaving.map((one) => one.model ?? one.instance);
  const margin = 1 + plan.margin_percent / 100;
  return html`<div class="stack plan">
    ${plan.devices.filter((device) => device.total > 0).map((device) => html`<div class="stack tight" key=${device.id}>
      <div class="row between small"><b>${device.id}</b><span class="num">${bytes(device.total)}${plan.margin_percent > 0 ? ` + ${plan.margin_percent} % margin` : ""} <span class="muted">(${plan.source})</span></span></div>
      <${Against} plan=${plan} id=${device.id} needs=${device.total * margin} leaving=${leaving} />
      <p class="small muted num">weights ${bytes(device.weights)} · cache ${bytes(device.kv_cache)} · computing ${bytes(device.compute)} · other ${bytes(device.other)}</p>
    </div>`)}
    <${Verdict} plan=${plan} leaving=${leaving} changed=${changed} />
  </div>`;
}

/** @param {{ plan: Plan, leaving: string[], changed: boolean }} props */
function Verdict({ plan, leaving, changed }) {
  const [lack] = plan.lacking;
  if (lack) {
    return html`<${Note} tone="bad"><p>It would be refused: ${lack.device} lacks ${bytes(lack.needed - lack.available)}${lack.budget === null ? "" : ` of its budget of ${bytes(lack.budget)}`}.</p><p>Take a smaller context, a smaller quantisation, or raise the budget.</p><//>`;
  }
  if (plan.holds.length > 0) return html`<${Note} tone="warn"><p>It waits for memory that is held for other programs.</p><//>`;
  if (leaving.length > 0) return html`<${Note} tone="warn" icon="refresh"><p>It fits when <b>${leaving.join(", ")}</b> ${leaving.length === 1 ? "steps" : "step"} aside. ${leaving.length === 1 ? "It comes" : "They come"} back when asked.</p><//>`;
  if (changed && plan.state === "ready") return html`<${Note} tone="accent" icon="refresh"><p>It is loaded, and would be started anew with these settings.</p><//>`;
  if (["ready", "starting"].includes(plan.state ?? "")) return html`<${Note} tone="good"><p>It is loaded.</p><//>`;
  return html`<${Note} tone="good"><p>It fits beside what is loaded. Nobody has to leave.</p><//>`;
}

/**
 * The device as it would be: ours, those that leave (hatched), the new one, free.
 * @param {{ plan: Plan, id: string, needs: number, leaving: string[] }} props
 */
function Against({ plan, id, needs, leaving }) {
  const device = memory.value?.devices.find((one) => one.id === id);
  if (!device) return null;
  const limit = device.budget ?? device.total;
  return html`<${Stack} label=${`${id} with ${plan.model}`} total=${device.total} parts=${parts(device, plan.model, needs, leaving)} mark=${limit < device.total ? limit : null} />`;
}

/**
 * @param {DeviceNow} device
 * @param {string} model
 * @param {number} needs
 * @param {string[]} leaving
 */
function parts(device, model, needs, leaving) {
  const others = device.ours.filter((one) => one.model !== model);
  const shown = others.map((one) => {
    const goes = leaving.includes(one.model);
    return { label: goes ? `${one.model} (steps aside)` : one.model, bytes: one.resident ?? one.reserved, tone: `${tone(tones, one.model)} ${goes ? "hatch" : ""}`, goes };
  });
  const other = device.other ?? Math.max(0, used(device).used - used(device).ours);
  const stays = shown.filter((one) => !one.goes).reduce((sum, one) => sum + one.bytes, 0);
  const free = Math.max(0, device.total - stays - other - needs);
  // Ours come first, so that the mark of the budget stands where ours have to end.
  return [
    ...shown.filter((one) => !one.goes),
    { label: `${model} (planned)`, bytes: needs, tone: tone(tones, model) },
    ...shown.filter((one) => one.goes).map((one) => ({ ...one, bytes: Math.min(one.bytes, free) })),
    { label: "Other programs", bytes: other, tone: "c-other" },
    { label: "Free then", bytes: Math.max(0, free - shown.filter((one) => one.goes).reduce((sum, one) => sum + one.bytes, 0)), tone: "c-free" },
  ];
}
