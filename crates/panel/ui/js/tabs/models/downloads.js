// What is on its way: all and by part, speed, time left; pause, resume, cancel.

/** @import { Task } from "../../types.js" */
import { html, useState } from "../../lib.js";
import { Action, Badge, Card, ErrorNote, Progress } from "../../parts/basics.js";
import { bytes, duration } from "../../pure/format.js";
import { ask, problemOf, segment } from "../../state/api.js";
import { downloads } from "../../state/store.js";

/** @type {Record<string, [string, string]>} */
const STATES = { queued: ["", "waiting"], running: ["accent", "downloading"], paused: ["warn", "paused"], verifying: ["accent", "verifying"], done: ["good", "done"], failed: ["bad", "failed"], cancelled: ["", "cancelled"] };

export function Downloads() {
  const all = [...downloads.value.values()];
  if (all.length === 0) return null;
  return html`<${Card} title="Downloads"><ul class="stack">${all.map((task) => html`<${OneTask} key=${task.id} task=${task} />`)}</ul><//>`;
}

/** @param {{ task: Task }} props */
function OneTask({ task }) {
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const failed = (/** @type {unknown} */ error) => setProblem(problemOf(error));
  const path = `/api/v1/downloads/${segment(task.id)}`;
  const [tone, word] = STATES[task.state] ?? ["", task.state];
  const share = task.total ? task.bytes / task.total : null;
  const figures = [
    task.total ? `${bytes(task.bytes)} of ${bytes(task.total)}` : bytes(task.bytes),
    task.bytes_per_second ? `${bytes(task.bytes_per_second)}/s` : "",
    task.eta_ms !== null && task.state === "running" ? `${duration(task.eta_ms)} left` : "",
  ];
  const over = ["done", "failed", "cancelled"].includes(task.state);
  // What does not fit here may be for another machine, or for other settings.
  const unfit = task.state === "failed" && task.error?.code === "insufficient_memory";
  const act = async (/** @type {string} */ method, /** @type {string} */ to, /** @type {unknown} */ body = undefined) => {
    setProblem(null);
    const told = await ask(method, to, body);
    const next = new Map(downloads.peek());
    if (told?.id) next.set(told.id, told);
    else if (method === "DELETE") next.delete(task.id);
    downloads.value = next;
  };
  return html`<li class="stack tight inner">
    <div class="row between"><span class="row"><b class="wrap">${task.model ?? task.source}</b><${Badge} tone=${tone}>${word}<//></span>
      <span class="row">
        ${task.kind !== "verify" && ["running", "queued", "verifying"].includes(task.state) ? html`<${Action} class="slim ghost" icon="pause" run=${() => act("POST", `${path}/pause`)} onError=${failed}>Pause<//>` : null}
        ${unfit ? html`<${Action} class="slim" icon="download" run=${() => act("POST", `${path}/resume`, { anyway: true })} onError=${failed}>Download all the same<//>` : null}
        ${task.state === "paused" || (task.state === "failed" && !unfit) ? html`<${Action} class="slim" icon="play" run=${() => act("POST", `${path}/resume`)} onError=${failed}>Resume<//>` : null}
        <${Action} class="slim ghost" icon="close" run=${() => act("DELETE", path)} onError=${failed}>${over ? "Dismiss" : "Cancel"}<//>
      </span></div>
    ${!over && html`<${Progress} label=${`Download of ${task.model ?? task.source}`} share=${share} tone=${task.state === "verifying" ? "c-good" : "c-new"} />`}
    <p class="small muted num">${figures.filter(Boolean).join(" · ")}</p>
    ${task.parts.length > 1 && !over && html`<details><summary>${task.parts.length} parts</summary><ul class="stack tight">${task.parts.map((part) => html`<li key=${part.name} class="part">
      <span class="small clip">${part.name}</span><${Progress} slim label=${part.name} share=${part.total ? part.bytes / part.total : null} /><span class="small muted num">${bytes(part.bytes)}${part.total ? ` of ${bytes(part.total)}` : ""}</span></li>`)}</ul></details>`}
    <${ErrorNote} problem=${task.error} />
    <${ErrorNote} problem=${problem} onClose=${() => setProblem(null)} />
  </li>`;
}
