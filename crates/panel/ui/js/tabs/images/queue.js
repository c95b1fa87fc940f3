// Jobs that wait or run: stage, step, how long still; previews; cancel.

/** @import { Job } from "../../types.js" */
import { html, useState } from "../../lib.js";
import { Action, Card, ErrorNote, Progress } from "../../parts/basics.js";
import { duration } from "../../pure/format.js";
import { STAGES } from "../../pure/image_request.js";
import { problemOf } from "../../state/api.js";
import { cancelJob } from "../../state/jobs.js";
import { activeJobs } from "../../state/store.js";

export function Queue() {
  const active = activeJobs.value;
  if (active.length === 0) return null;
  const order = [...active].sort((one, other) => Number(other.state === "running") - Number(one.state === "running") || one.created_at - other.created_at);
  return html`<${Card} title=${active.length === 1 ? "Being painted" : `Queue of ${active.length}`}>
    <div class="stack">${order.map((job) => html`<${Running} key=${job.id} job=${job} />`)}</div>
  <//>`;
}

/** @param {{ job: Job }} props */
function Running({ job }) {
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const stage = job.state === "queued" ? "queued" : (job.stage ?? "loading");
  const at = STAGES.findIndex(([name]) => name === stage);
  const step = stage === "sampling" && job.steps ? `step ${job.step} of ${job.steps}` : "";
  const image = job.n > 1 && job.image ? `image ${job.image} of ${job.n}` : "";
  const place = job.state === "queued" && job.place ? [`place ${job.place} of ${job.places}`, job.why].filter(Boolean).join(": ") : "";
  const eta = job.eta_ms !== null ? `about ${duration(job.eta_ms)} left` : "";
  return html`<article class="job stack">
    <div class="row between"><b class="clip grow">${job.request["prompt"]}</b>
      <${Action} class="slim danger" icon="close" run=${() => cancelJob(job.id)} onError=${(/** @type {unknown} */ error) => setProblem(problemOf(error))}>Cancel<//></div>
    <${Progress} label=${`Progress of ${job.request["prompt"]}`} share=${job.state === "queued" ? 0 : job.fraction} />
    <ol class="stages" aria-label="Stages">
      ${STAGES.map(([name, text], index) => html`<li key=${name} class=${index < at ? "done" : index === at ? "now" : ""} aria-current=${index === at ? "step" : undefined}>${text}</li>`)}
    </ol>
    <p class="small muted num" aria-live="polite">${[step, image, place, eta].filter(Boolean).join(" · ") || "The model is made ready"}</p>
    <${ErrorNote} problem=${problem} />
  </article>`;
}
