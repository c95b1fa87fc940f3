// LLM: choose a language model, start it, talk to it, read its log.
import { computed, html, signal } from "../../lib.js";
import { Choice, Empty, Card, PageHead } from "../../parts/basics.js";
import { ModelState } from "../../parts/model_state.js";
import { languageModels } from "../../state/store.js";
import { Chat } from "./chat.js";
import { Logs } from "./logs.js";
import { Setup } from "./setup.js";
import { Start } from "./start.js";
import { ServerStatus } from "./server_status.js";

const chosenName = signal("");
const view = signal("chat");

/** The model that is chosen; the first that is loaded, or the first, where nobody chose. */
export const chosen = computed(() => {
  const all = languageModels.value;
  return all.find((model) => model.id === chosenName.value) ?? all.find((model) => model.instance?.state === "ready") ?? all[0];
});

/** @param {string} name */
export function choose(name) {
  chosenName.value = name;
}

export function Llm() {
  const all = languageModels.value;
  const model = chosen.value;
  if (!model) {
    return html`<${PageHead} title="LLM" text="Talk to a language model of this machine." />
      <${Card} title="No language model yet"><${Empty} icon="llm" title="There is nobody to talk to"><p>Download a model first; it can be asked at once, without being set up.</p><a class="btn primary" href="#/models">Choose a model</a><//><//>`;
  }
  const picker = html`<div class="row">
    <${ModelState} model=${model} long />
    <label class="field pick-model"><span class="sr">Model</span><select value=${model.id} onChange=${(/** @type {any} */ event) => choose(event.target.value)}>
      ${all.map((one) => html`<option key=${one.id} value=${one.id}>${one.id}</option>`)}
    </select></label>
    <${Choice} label="View" value=${view.value} onChange=${(/** @type {string} */ to) => { view.value = to; }} options=${[["chat", "Chat"], ["server", "Server"], ["logs", "Logs"]]} />
  </div>`;
  return html`
    <${PageHead} title="LLM" text="It is loaded when it is asked, and steps aside when others need its memory." aside=${picker} />
    ${view.value !== "chat" && html`<${Setup} />`}
    ${view.value === "chat" && html`<${Chat} model=${model} />`}
    ${view.value === "server" && html`<div class="grid two"><${Start} key=${model.id} model=${model} /><${ServerStatus} model=${model} /></div>`}
    ${view.value === "logs" && html`<${Logs} model=${model.id} />`}`;
}
