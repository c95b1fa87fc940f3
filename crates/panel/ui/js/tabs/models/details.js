// What a model's file says of itself: essential, advanced, raw; verify; delete with what that frees.

/** @import { LibraryModel } from "../../types.js" */
import { html, useEffect, useState } from "../../lib.js";
import { Action, Copy, Empty, ErrorNote, NotHere, Note } from "../../parts/basics.js";
import { Dialog } from "../../parts/dialog.js";
import { shown } from "../../pure/cut.js";
import { bytes, count } from "../../pure/format.js";
import { ask, problemOf, segment } from "../../state/api.js";
import { downloads, library } from "../../state/store.js";

/** Items of long lists that are fetched; more are only counted. */
const ITEMS = 20;

/** @param {{ name: string, onClose: () => void }} props */
export function Details({ name, onClose }) {
  const [header, setHeader] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const [removal, setRemoval] = useState(/** @type {any} */ (null));
  const [said, setSaid] = useState("");
  const model = library.value?.find((one) => one.name === name);
  const path = `/api/v1/models/${segment(name)}`;
  const failed = (/** @type {unknown} */ error) => setProblem(problemOf(error));
  const read = async () => {
    setProblem(null);
    setHeader(await ask("GET", `${path}/header?array_limit=${ITEMS}`));
  };
  useEffect(() => { read().catch(failed); }, [name]);
  const verify = async () => {
    setProblem(null);
    const task = await ask("POST", `${path}/verify`);
    if (task?.id) downloads.value = new Map(downloads.peek()).set(task.id, task);
    setSaid("Its files are being verified; the page of models shows how far.");
  };
  const remove = async () => {
    const freed = await ask("DELETE", path);
    library.value = (library.peek() ?? []).filter((one) => one.name !== name);
    void freed;
    onClose();
  };
  return html`<${Dialog} title=${name} onClose=${onClose} footer=${html`
      <${Action} icon="refresh" run=${read} onError=${failed}>Read again<//>
      ${header && html`<${Copy} label="Copy as JSON" text=${() => JSON.stringify(header, null, 2)} />`}
      <${Action} icon="shield" run=${verify} onError=${failed}>Verify<//>
      <${Action} class="danger" icon="trash" run=${async () => setRemoval(await ask("GET", `${path}/removal`))} onError=${failed}>Delete<//>`}>
    ${problem?.isMissing ? html`<${NotHere} what="a look into the model's file" />` : html`<${ErrorNote} problem=${problem} />`}
    ${said && html`<${Note} tone="good"><p role="status">${said}</p><//>`}
    ${removal && html`<${Note} tone="warn"><p>Deleting frees ${bytes(removal.freed)}.${removal.kept?.length > 0 ? ` What stays: ${removal.kept.map((/** @type {any} */ one) => `${one.path} (${one.why})`).join(", ")}.` : ""}</p>
      <div class="row"><${Action} class="danger" icon="trash" run=${remove} onError=${failed}>Delete ${name}<//><button class="btn" onClick=${() => setRemoval(null)}>Keep it</button></div><//>`}
    ${model && html`<${Files} model=${model} />`}
    ${!header && !problem && html`<${Empty} icon="models" title="Reading its header" />`}
    ${header && html`
      <section class="stack tight"><h3>Essential</h3><dl class="kv small">${Object.entries(header.essential ?? {}).map(([key, value]) => html`<dt key=${key}>${key.replaceAll("_", " ")}</dt><dd>${typeof value === "number" ? count(value) : shown(value)}</dd>`)}</dl></section>
      <details><summary>Advanced</summary><dl class="kv small">
        ${Object.entries(header.tensors ?? {}).filter(([, value]) => typeof value !== "object").map(([key, value]) => html`<dt key=${key}>tensors: ${key}</dt><dd>${shown(value)}</dd>`)}
        ${simple(header.metadata).map((entry) => html`<dt key=${entry.key} class="wrap">${entry.key}</dt><dd>${shown(entry.value)}</dd>`)}</dl></details>
      <details><summary>Raw, ${count(header.metadata?.length ?? 0)} entries</summary><div class="scroll-x raw" tabindex="0" role="region" aria-label="Raw entries"><table><thead><tr><th>Key</th><th>Type</th><th>Value</th></tr></thead>
        <tbody>${(header.metadata ?? []).map((/** @type {any} */ entry) => html`<tr key=${entry.key}><td class="mono">${entry.key}</td><td class="mono muted">${entry.type}</td><td class="mono wrap">${shown(entry.value)}</td></tr>`)}</tbody></table></div></details>`}
  <//>`;
}

/** Entries with one value that is short. @param {any[] | undefined} metadata */
function simple(metadata) {
  return (metadata ?? []).filter((entry) => typeof entry.value !== "object" && String(entry.value).length < 120);
}

/** @param {{ model: LibraryModel }} props */
function Files({ model }) {
  return html`<dl class="kv small"><dt>Files</dt><dd class="mono">${model.path}</dd><dt>On disk</dt><dd>${bytes(model.bytes)}</dd>
    ${model.parts.length > 1 && html`<dt>Parts</dt><dd>${model.parts.map((part) => html`<div key=${part.path}>${part.role}: ${bytes(part.bytes)}</div>`)}</dd>`}
    <dt>From</dt><dd>${typeof model.origin === "string" ? model.origin : JSON.stringify(model.origin)}</dd>
    ${model.fit && html`<dt>Here</dt><dd>${model.fit.why}</dd>`}</dl>`;
}
