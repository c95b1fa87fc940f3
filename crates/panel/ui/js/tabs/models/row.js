// One model: name, badges, size, state, and what can be done with it.

/** @import { LibraryModel, ModelStatus } from "../../types.js" */
import { html, useState } from "../../lib.js";
import { Action, Badge, ErrorNote } from "../../parts/basics.js";
import { Icon } from "../../parts/icon.js";
import { ModelState } from "../../parts/model_state.js";
import { bytes, tokens, weights } from "../../pure/format.js";
import { ALIVE } from "../../pure/reduce.js";
import { ask, problemOf, segment } from "../../state/api.js";
import { refreshSoon } from "../../state/stream.js";
import { choose } from "../llm/page.js";
import { FitBadge } from "./fit.js";

/** @type {Record<string, string>} */
const ICONS = { image: "images", embedding: "sliders", language: "llm", text: "llm" };

/** @param {{ model: LibraryModel, status: ModelStatus | undefined, onOpen: () => void }} props */
export function ModelRow({ model, status, onOpen }) {
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const alive = status?.instance && ALIVE.has(status.instance.state);
  const failed = (/** @type {unknown} */ error) => setProblem(problemOf(error));
  const start = async () => {
    setProblem(null);
    await ask("POST", `/api/v1/instances/${segment(model.name)}?wait=true`);
    refreshSoon();
  };
  const use = () => {
    if (model.kind === "image") location.hash = "#/images";
    else {
      choose(model.name);
      location.hash = "#/llm";
    }
  };
  return html`<li class="entry">
    <span class=${`kind ${model.kind}`}><${Icon} name=${ICONS[model.kind] ?? "models"} /></span>
    <div class="grow">
      <div class="row"><button class="name" onClick=${onOpen}>${model.name}</button><${FitBadge} fit=${model.fit} />
        ${model.features.map((feature) => html`<${Badge} key=${feature}>${feature}<//>`)}</div>
      <div class="row small muted num facts">
        ${status && html`<${ModelState} model=${status} long />`}
        ${model.bytes > 0 && html`<span>${bytes(model.bytes)}${model.parts.length > 1 ? ` in ${model.parts.length} parts` : ""}</span>`}
        ${model.quantisation && html`<span>${model.quantisation}</span>`}
        ${model.parameters && html`<span>${weights(model.parameters)} weights</span>`}
        ${model.context_length && html`<span>${tokens(model.context_length)} context</span>`}
        ${model.architecture && html`<span>${model.architecture}</span>`}
      </div>
      ${model.error && html`<${ErrorNote} problem=${model.error} />`}
      <${ErrorNote} problem=${problem} onClose=${() => setProblem(null)} />
    </div>
    <div class="row actions">
      ${status && (alive
        ? html`<${Action} class="slim ghost" icon="stop" run=${() => ask("DELETE", `/api/v1/instances/${segment(model.name)}`)} onError=${failed}>Stop<//>`
        : html`<${Action} class="slim ghost" icon="play" run=${start} onError=${failed}>Load<//>`)}
      ${status && model.kind !== "embedding" && html`<button class="btn slim" onClick=${use}>${model.kind === "image" ? "Paint" : "Chat"}</button>`}
      <button class="btn slim ghost icon-only" aria-label=${`Details of ${model.name}`} onClick=${onOpen}><${Icon} name="info" /></button>
    </div>
  </li>`;
}
