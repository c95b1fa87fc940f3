// The set-up of a build, while it goes on: what is fetched, unpacked, proven.
import { html } from "../../lib.js";
import { Card, ErrorNote, Progress } from "../../parts/basics.js";
import { bytes } from "../../pure/format.js";
import { installs } from "../../state/store.js";

/** States in which an installation is over. */
const OVER = ["done", "cancelled"];

export function Setup() {
  const tasks = [...installs.value.values()].filter((task) => !OVER.includes(task.state));
  if (tasks.length === 0) return null;
  return html`<${Card} title="Setting up the server">
    <ul class="stack">${tasks.map((task) => html`<li key=${task.id} class="stack tight">
      <div class="row between small"><b>${task.source ?? task.id}</b><span class="muted num">${task.step ?? task.state}${task.total ? `, ${bytes(task.bytes)} of ${bytes(task.total)}` : ""}</span></div>
      ${task.state !== "failed" && html`<${Progress} label="Set-up" share=${task.total ? task.bytes / task.total : null} />`}
      <${ErrorNote} problem=${task.error} />
    </li>`)}</ul>
  <//>`;
}
