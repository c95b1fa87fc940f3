// How the daemon is set up, and where each value comes from; what can change while it runs is changed here.
import { html, useEffect, useState } from "../../lib.js";
import { Action, Badge, Card, Empty, ErrorNote, NotHere } from "../../parts/basics.js";
import { ask, problemOf } from "../../state/api.js";
import { settings } from "../../state/store.js";

/** @typedef {{ name: string, value: any, from: string, can_change: boolean, help: string }} Setting */

export function Settings() {
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  /** @type {[Record<string, any>, any]} what was filled in and not set yet */
  const [filled, setFilled] = useState({});
  useEffect(() => {
    if (settings.peek()) return;
    ask("GET", "/api/v1/settings").then((told) => { settings.value = told; }).catch((error) => setProblem(problemOf(error)));
  }, []);
  const all = /** @type {Setting[]} */ (settings.value?.settings ?? []);
  const changing = all.filter((one) => one.can_change);
  const fixed = all.filter((one) => !one.can_change);
  const dirty = Object.keys(filled).length > 0;
  const apply = async () => {
    setProblem(null);
    const told = await ask("PUT", "/api/v1/settings", filled);
    if (told?.settings) settings.value = told;
    setFilled({});
  };
  return html`<${Card} title="Settings" hint="What is changed here holds until the configuration is read again.">
    <div class="stack">
      ${problem?.isMissing ? html`<${NotHere} what="its settings" />` : html`<${ErrorNote} problem=${problem} onClose=${() => setProblem(null)} />`}
      ${all.length === 0 && !problem && html`<${Empty} icon="sliders" title="Reading the settings" />`}
      <div class="settings">${changing.map((one) => html`<${Row} key=${one.name} setting=${one} value=${filled[one.name] ?? one.value} onFill=${(/** @type {any} */ value) => setFilled({ ...filled, [one.name]: value })} />`)}</div>
      ${changing.length > 0 && html`<div class="row"><${Action} class="primary" icon="check" disabled=${!dirty} run=${apply} onError=${(/** @type {unknown} */ error) => setProblem(problemOf(error))}>Apply<//>
        ${dirty && html`<button class="btn ghost" onClick=${() => setFilled({})}>Undo</button>`}</div>`}
      ${fixed.length > 0 && html`<details><summary>${fixed.length} that need a restart</summary><dl class="kv small">
        ${fixed.map((one) => html`<dt key=${one.name} title=${one.help}>${one.name.replaceAll("_", " ")}</dt><dd>${shown(one.value)} <span class="muted">(${one.from})</span></dd>`)}</dl></details>`}
    </div>
  <//>`;
}

/** @param {any} value */
function shown(value) {
  if (value === null || value === "" || (Array.isArray(value) && value.length === 0)) return "none";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** @param {{ setting: Setting, value: any, onFill: (value: any) => void }} props */
function Row({ setting, value, onFill }) {
  const from = setting.from === "default" ? null : html`<${Badge}>${setting.from}<//>`;
  const name = setting.name.replaceAll("_", " ");
  if (typeof setting.value === "boolean") {
    return html`<label class="check"><input type="checkbox" checked=${value} onChange=${(/** @type {any} */ event) => onFill(event.target.checked)} /><span class="grow"><b>${name}</b> ${from}<br /><span class="small muted">${setting.help}</span></span></label>`;
  }
  if (typeof setting.value === "object" && setting.value !== null) {
    return html`<div class="small"><b>${name}</b> ${from} ${shown(setting.value)}<br /><span class="muted">${setting.help}</span></div>`;
  }
  const number = typeof setting.value === "number";
  return html`<label class="setting"><span class="grow"><b>${name}</b> ${from}<br /><span class="small muted">${setting.help}</span></span>
    <input class="input" type=${number ? "number" : "text"} min=${number ? 0 : undefined} value=${value ?? ""} placeholder="none"
      onInput=${(/** @type {any} */ event) => onFill(number ? Number(event.target.value) : event.target.value || null)} /></label>`;
}
