// What was painted: large at will, with all that it was made of; save, reuse, delete.

/** @import { Job } from "../../types.js" */
import { html, useState } from "../../lib.js";
import { Action, Card, Copy, Empty, ErrorNote } from "../../parts/basics.js";
import { Dialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icon.js";
import { ago, duration } from "../../pure/format.js";
import { formOf } from "../../pure/image_request.js";
import { ask, problemOf, segment } from "../../state/api.js";
import { forgetJob } from "../../state/jobs.js";
import { jobs } from "../../state/store.js";
import { start } from "./ask.js";
import { form } from "./page.js";

export function Gallery() {
  const [shown, setShown] = useState(/** @type {{ job: Job, index: number } | null} */ (null));
  const ended = [...(jobs.value?.values() ?? [])].filter((job) => !["queued", "running"].includes(job.state)).sort((one, other) => other.created_at - one.created_at);
  const now = Date.now();
  return html`<${Card} title="Gallery" aside=${ended.length > 0 && html`<span class="muted small">kept for a day by the daemon</span>`}>
    ${ended.length === 0 && html`<${Empty} icon="images" title="Nothing was painted yet"><p>Images lie here with all their parameters, also when this page was closed meanwhile.</p><//>`}
    <ul class="gallery">
      ${ended.flatMap((job) => job.state === "completed"
        ? job.images.map((url, index) => html`<li key=${url}><button class="picture" onClick=${() => setShown({ job, index })}>
            <img src=${url} alt="" loading="lazy" decoding="async" /><span class="caption"><span class="clip">${job.request["prompt"]}</span><span class="sr">, image ${index + 1}, </span><span class="small">${ago(job.created_at * 1000, now)}</span></span>
          </button></li>`)
        : [html`<li key=${job.id} class="span"><${Failed} job=${job} /></li>`])}
    </ul>
    ${shown && html`<${Large} job=${shown.job} index=${shown.index} onClose=${() => setShown(null)} />`}
  <//>`;
}

/** @param {Job} job @param {number | null} seed */
function reuse(job, seed) {
  form.value = formOf(job.request, seed);
  scrollTo({ top: 0, behavior: "smooth" });
}

/** @param {{ job: Job }} props */
function Failed({ job }) {
  const told = job.state === "cancelled" ? { message: `Cancelled: ${job.request["prompt"]}` } : { message: job.error?.message ?? "It failed.", remedy: job.error?.["remedy"] ?? "" };
  return html`<div class="stack tight">
    ${job.state === "cancelled" ? html`<div class="note"><${Icon} name="close" /><p class="grow wrap">${told.message}</p></div>` : html`<${ErrorNote} problem=${told} />`}
    <div class="row"><button class="btn slim" onClick=${() => reuse(job, null)}><${Icon} name="refresh" />Use again</button>
    <${Action} class="slim ghost" icon="trash" run=${() => forgetJob(job.id)}>Forget<//></div>
  </div>`;
}

/** @param {{ job: Job, index: number, onClose: () => void }} props */
function Large({ job, index, onClose }) {
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const [result, setResult] = useState(/** @type {any} */ (null));
  const url = job.images[index] ?? "";
  const read = () => { if (!result) ask("GET", `/api/v1/jobs/${segment(job.id)}/result?response_format=url`).then(setResult).catch(() => setResult({})); };
  const told = result?.data?.[index] ?? {};
  const seed = told.seed ?? job.request["seed"] ?? null;
  const facts = { model: job.model, ...job.request, ...(seed === null ? {} : { seed }), ...(result?.parameters ?? job.parameters ?? {}) };
  const begin = async () => {
    const blob = await (await fetch(url)).blob();
    const reader = new FileReader();
    reader.onload = () => { start.value = String(reader.result); onClose(); };
    reader.readAsDataURL(blob);
  };
  const remove = async () => {
    await forgetJob(job.id);
    onClose();
  };
  const failed = (/** @type {unknown} */ error) => setProblem(problemOf(error));
  return html`<${Dialog} title=${String(job.request["prompt"])} onClose=${onClose} footer=${html`
      <${Action} class="danger" icon="trash" run=${remove} onError=${failed}>Delete${job.images.length > 1 ? " all of this job" : ""}<//>
      <${Action} icon="images" run=${begin} onError=${failed}>Begin with it<//>
      <button class="btn" onClick=${() => { reuse(job, seed); onClose(); }}><${Icon} name="refresh" />Use again</button>
      <a class="btn primary" href=${url} download=${`${job.id.slice(0, 8)}-${index}.${url.split(".").pop()}`}><${Icon} name="download" />Save</a>`}>
    <img class="large" src=${url} alt=${String(job.request["prompt"])} onLoad=${read} />
    <dl class="kv small">${Object.entries(facts).filter(([, value]) => value !== null && typeof value !== "object").map(([name, value]) => html`<dt key=${name}>${name.replaceAll("_", " ")}</dt><dd>${String(value)}</dd>`)}
      ${job.timings && html`<dt>took</dt><dd>${duration(job.timings["total_ms"])} (loading ${duration(job.timings["load_ms"])}, painting ${duration(job.timings["sampling_ms"])}, developing ${duration(job.timings["decoding_ms"])})</dd>`}
    </dl>
    <div class="row"><${Copy} slim label="Copy parameters" text=${() => JSON.stringify(facts, null, 2)} /></div>
    <${ErrorNote} problem=${problem} />
  <//>`;
}
