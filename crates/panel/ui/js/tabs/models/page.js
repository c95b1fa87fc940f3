// Models: all kinds in one list, what is on its way, presets and downloads.
import { html, useEffect, useState } from "../../lib.js";
import { Card, Choice, Empty, ErrorNote, NotHere, PageHead } from "../../parts/basics.js";
import { Icon } from "../../parts/icon.js";
import { bytes } from "../../pure/format.js";
import { ask, problemOf } from "../../state/api.js";
import { connection, library, status } from "../../state/store.js";
import { Add } from "./add.js";
import { Details } from "./details.js";
import { Downloads } from "./downloads.js";
import { ModelRow } from "./row.js";

/** @type {[string, string][]} */
const KINDS = [["all", "All"], ["language", "Language"], ["image", "Images"], ["embedding", "Embeddings"]];

export function Models() {
  const [kind, setKind] = useState("all");
  const [text, setText] = useState("");
  const [opened, setOpened] = useState(/** @type {string | null} */ (null));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const open = connection.value === "open";
  useEffect(() => {
    if (!open || library.peek()) return;
    ask("GET", "/api/v1/models").then((told) => { library.value = told.models; }).catch((error) => setProblem(problemOf(error)));
  }, [open]);
  const offered = library.value ?? fromStatus();
  const shown = offered.filter((model) => (kind === "all" || model.kind === kind || (kind === "language" && model.kind === "text")) && `${model.name} ${model.architecture ?? ""} ${model.quantisation ?? ""}`.toLowerCase().includes(text.toLowerCase()));
  const sum = offered.reduce((total, model) => total + (model.bytes ?? 0), 0);
  const missing = problem?.isMissing && !library.value;
  return html`
    <${PageHead} title="Models" text=${library.value ? `${offered.length} models, ${bytes(sum)} on disk` : "All kinds in one list."} />
    <${Downloads} />
    <div class="models-grid">
      <${Card} flush title="On this machine" aside=${html`<div class="row"><${Choice} label="Kind" value=${kind} onChange=${setKind} options=${KINDS} />
          <label><span class="sr">Search</span><input class="input narrow-search" type="search" placeholder="Search" value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)} /></label></div>`}>
        ${missing && html`<div class="inset"><${NotHere} what="the list of models on disk; these are the ones it was configured with" /></div>`}
        ${problem && !problem.isMissing && html`<div class="inset"><${ErrorNote} problem=${problem} /></div>`}
        ${shown.length === 0 && html`<${Empty} icon="models" title=${offered.length === 0 ? "No model yet" : "None that match"}><p>${offered.length === 0 ? "Choose a preset: each says whether it fits this machine." : "Change the search or the kind."}</p><//>`}
        <ul class="models">${shown.map((model) => html`<${ModelRow} key=${model.name} model=${model} status=${status.value?.models.find((one) => one.id === model.name)} onOpen=${() => setOpened(model.name)} />`)}</ul>
        <p class="small muted inset"><${Icon} name="info" /> A model is loaded when it is first asked, and leaves when its memory is needed.</p>
      <//>
      <${Add} />
    </div>
    ${opened && html`<${Details} name=${opened} onClose=${() => setOpened(null)} />`}`;
}

/** What is known of models where the daemon does not list its library. @returns {import("../../types.js").LibraryModel[]} */
function fromStatus() {
  return (status.value?.models ?? []).map((model) => ({
    name: model.id, kind: model.kind, state: "", origin: null, path: "", bytes: 0, parts: [], format: "", architecture: null, quantisation: null,
    parameters: null, context_length: null, features: [], configured: true, error: null, fit: null,
  }));
}
