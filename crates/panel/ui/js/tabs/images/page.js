// Images: ask for them, watch them come, keep and reuse them.
import { computed, html, signal, useEffect, useState } from "../../lib.js";
import { Card, Empty, ErrorNote, PageHead } from "../../parts/basics.js";
import { ModelState } from "../../parts/model_state.js";
import { DEFAULTS } from "../../pure/image_request.js";
import { problemOf } from "../../state/api.js";
import { readJobs } from "../../state/jobs.js";
import { connection, imageModels, topics, jobs } from "../../state/store.js";
import { Ask } from "./ask.js";
import { Gallery } from "./gallery.js";
import { Queue } from "./queue.js";

const chosenName = signal("");
/** The form, which outlives a change of the page. */
export const form = signal(DEFAULTS);

const chosen = computed(() => imageModels.value.find((model) => model.id === chosenName.value) ?? imageModels.value[0]);

export function Images() {
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const model = chosen.value;
  const open = connection.value === "open";
  useEffect(() => {
    if (!open || (topics.peek().has("jobs") && jobs.peek())) return;
    readJobs().then(() => setProblem(null)).catch((error) => setProblem(problemOf(error)));
  }, [open]);
  const picker = model && html`<div class="row"><${ModelState} model=${model} long />
    <label class="field pick-model"><span class="sr">Model</span><select value=${model.id} onChange=${(/** @type {any} */ event) => { chosenName.value = event.target.value; }}>
      ${imageModels.value.map((one) => html`<option key=${one.id} value=${one.id}>${one.id}</option>`)}
    </select></label></div>`;
  return html`
    <${PageHead} title="Images" text="Painted on this machine. What is in the way steps aside, and comes back." aside=${picker} />
    <${ErrorNote} problem=${problem} />
    ${!model && html`<${Card} title="No image model yet"><${Empty} icon="images" title="There is nobody to paint"><p>Download a model that makes images; the page of models has presets that fit this machine.</p><a class="btn primary" href="#/models">Choose a model</a><//><//>`}
    <div class=${model ? "studio" : ""}>
      ${model && html`<${Ask} key=${model.id} model=${model} />`}
      <div class="stack studio-side"><${Queue} /><${Gallery} /></div>
    </div>`;
}
