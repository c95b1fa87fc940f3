// The timeline: a lane for each device, a row for each model, from left to right until now.

/** @import { Span, Mark } from "../../pure/lanes.js" */
import { html, signal, useEffect, useState } from "../../lib.js";
import { Card, Choice, Empty } from "../../parts/basics.js";
import { bytes, clock, duration } from "../../pure/format.js";
import { pieces, rows } from "../../pure/lanes.js";
import { tone } from "../../pure/segments.js";
import { memory, status, timeline, tones } from "../../state/store.js";

/** The seconds that are shown. */
const span = signal("120");

/** @type {Record<string, string>} */
const PHASES = { starting: "loads", ready: "in memory", draining: "finishes its requests", stopping: "leaves" };

export function TimelineCard() {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    // The lanes move on also when nothing happens. No request is made for it.
    const timer = setInterval(() => { if (!document.hidden) setNow(Date.now()); }, 500);
    return () => clearInterval(timer);
  }, []);
  const all = timeline.value;
  const to = Math.max(now, Date.now());
  const from = to - Number(span.value) * 1000;
  const devices = lanes();
  const marks = all.marks.filter((mark) => mark.at >= from);
  const waiting = (status.value?.models ?? []).filter((model) => model.waiting > 0);
  return html`<${Card} title="Timeline" class="timeline"
      aside=${html`<${Choice} label="Time shown" value=${span.value} onChange=${(/** @type {string} */ to) => { span.value = to; }} options=${[["60", "1 min"], ["120", "2 min"], ["600", "10 min"], ["3600", "1 h"]]} />`}>
    <div class="lanes">
      <div class="marks" aria-hidden="true">${marks.map((mark, index) => html`<${MarkView} key=${index} mark=${mark} from=${from} to=${to} />`)}</div>
      ${devices.map((device) => html`<${Lane} key=${device.id} id=${device.id} name=${device.name} total=${device.total} from=${from} to=${to} />`)}
      ${waiting.length > 0 && html`<div class="lane"><div class="lane-name"><b>Waiting</b></div><ul class="row waiting">${waiting.map((model) => html`<li key=${model.id} class="badge warn">${model.id}: ${model.waiting}</li>`)}</ul></div>`}
      <div class="axis" aria-hidden="true">${[0, 0.25, 0.5, 0.75, 1].map((share) => html`<span key=${share} style=${{ left: `${share * 100}%` }}>${share === 1 ? "now" : `${duration((to - from) * (1 - share))} ago`}</span>`)}</div>
    </div>
    <ul class="legend-list phases"><li><i class="phase starting"></i>loads</li><li><i class="phase ready"></i>in memory</li><li><i class="phase draining"></i>finishes, leaves</li><li><i class="tick evict"></i>makes room</li><li><i class="tick crash"></i>died</li><li><i class="tick save"></i>conversations kept</li><li><i class="tick restore"></i>conversations back</li></ul>
    <details class="as-text"><summary>As a list</summary><ul class="small">${all.spans.slice().reverse().map((one) => html`<li key=${one.instance}>${sentence(one, to)}</li>`)}</ul></details>
  <//>`;
}

/** The devices that have memory of their own, or had a part of a model. */
function lanes() {
  const known = memory.value?.devices;
  if (known) {
    const used = new Set(timeline.value.spans.flatMap((one) => Object.keys(one.devices)));
    return known.filter((device) => device.pool === device.id || used.has(device.id)).map((device) => ({ id: device.id, name: device.id === "host" ? "Main memory" : device.name, total: device.total }));
  }
  const ids = new Set(["host", ...timeline.value.spans.flatMap((one) => Object.keys(one.devices))]);
  return [...ids].map((id) => ({ id, name: id === "host" ? "Main memory" : id, total: 0 }));
}

/** @param {{ id: string, name: string, total: number, from: number, to: number }} props */
function Lane({ id, name, total, from, to }) {
  const models = rows(timeline.value, id, from);
  return html`<div class="lane">
    <div class="lane-name"><b>${name}</b>${total > 0 && html`<span class="small muted num">${bytes(total)}</span>`}</div>
    <div class="tracks">
      ${models.length === 0 && html`<p class="track idle small muted">Nothing of ours was here.</p>`}
      ${models.map((row) => html`<div class="track" key=${row.model}>${row.spans.map((one) => html`<${SpanView} key=${one.instance} span=${one} device=${id} from=${from} to=${to} />`)}</div>`)}
    </div>
  </div>`;
}

/** @param {{ span: Span, device: string, from: number, to: number }} props */
function SpanView({ span, device, from, to }) {
  const parts = pieces(span, from, to);
  const first = parts[0];
  if (!first) return null;
  const left = first.left;
  const width = parts.reduce((sum, part) => sum + part.width, 0);
  const colour = tone(tones, span.model);
  const title = `${sentence(span, to)} (${bytes(span.devices[device])})`;
  return html`<div class=${`span ${span.end === "crashed" ? "crashed" : ""} ${span.to === null ? "lasts" : ""}`} style=${{ left: `${left * 100}%`, width: `${width * 100}%` }} title=${title}>
    ${parts.map((part, index) => html`<i key=${index} class=${`${colour} phase ${part.state}`} style=${{ width: `${width > 0 ? (part.width / width) * 100 : 0}%` }}></i>`)}
    <span class="span-name"><b>${span.model}</b> ${bytes(span.devices[device])}</span>
  </div>`;
}

/** @param {{ mark: Mark, from: number, to: number }} props */
function MarkView({ mark, from, to }) {
  return html`<i class=${`tick ${mark.kind}`} style=${{ left: `${((mark.at - from) / (to - from)) * 100}%` }} title=${mark.text}></i>`;
}

/** @param {Span} span @param {number} now */
function sentence(span, now) {
  const begin = span.seen ? `from ${clock(span.from)}` : `since before ${clock(span.from)}`;
  const state = PHASES[span.phases.at(-1)?.state ?? ""] ?? "";
  const end = span.to === null ? `${state}, for ${duration(now - span.from)} so far` : `until ${clock(span.to)}, ${span.end === "crashed" ? "when it died" : "when it left"}`;
  return `${span.model} ${begin} ${end}`;
}
