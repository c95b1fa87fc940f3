// Get a model: a preset, a repository or an address, or a file of this machine; with the estimate before the download.

/** @import { Preset } from "../../types.js" */
import { html, useEffect, useState } from "../../lib.js";
import { Action, Card, Choice, Empty, ErrorNote, Field, NotHere } from "../../parts/basics.js";
import { EstimateView } from "../../parts/estimate.js";
import { bytes } from "../../pure/format.js";
import { ask, problemOf } from "../../state/api.js";
import { connection, downloads } from "../../state/store.js";
import { FilePicker } from "./file_picker.js";
import { FitBadge } from "./fit.js";

export function Add() {
  const [way, setWay] = useState("preset");
  return html`<${Card} title="Get a model" aside=${html`<${Choice} label="From where" value=${way} onChange=${setWay} options=${[["preset", "Presets"], ["address", "Address"], ["file", "File"]]} />`}>
    ${way === "preset" && html`<${Presets} />`}
    ${way === "address" && html`<${Address} />`}
    ${way === "file" && html`<${Import} />`}
  <//>`;
}

/** @param {Record<string, any>} body */
async function download(body) {
  const task = await ask("POST", "/api/v1/downloads", body);
  downloads.value = new Map(downloads.peek()).set(task.id, task);
}

function Presets() {
  const [presets, setPresets] = useState(/** @type {Preset[] | null} */ (null));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const open = connection.value === "open";
  const failed = (/** @type {unknown} */ error) => setProblem(problemOf(error));
  useEffect(() => {
    if (!open || presets) return;
    ask("GET", "/api/v1/catalog").then((told) => setPresets(told.presets)).catch(failed);
  }, [open]);
  if (problem?.isMissing) return html`<${NotHere} what="presets" />`;
  return html`<div class="stack">
    <${ErrorNote} problem=${problem} onClose=${() => setProblem(null)} />
    ${!presets && !problem && html`<${Empty} icon="models" title="Looking what fits" />`}
    ${presets && html`<ul class="presets">${presets.map((preset) => html`<${PresetItem} key=${preset.name} preset=${preset} onError=${failed} />`)}</ul>`}
  </div>`;
}

/** @param {{ preset: Preset, onError: (error: unknown) => void }} props */
function PresetItem({ preset, onError }) {
  const [estimate, setEstimate] = useState(/** @type {any} */ (null));
  const facts = [preset.kind, preset.parameters, preset.quantisation, preset.bytes === null ? null : `about ${bytes(preset.bytes)}`, preset.licence].filter(Boolean);
  const look = async () => setEstimate(await ask("POST", "/api/v1/estimate", { model: preset.name }));
  return html`<li class="inner stack tight" data-preset=${preset.name}>
    <div class="row between"><b>${preset.title}</b><${FitBadge} fit=${preset.fit} /></div>
    <p class="small muted num">${facts.join(" · ")}</p>
    ${estimate ? html`<${EstimateView} estimate=${estimate} />` : preset.fit.verdict !== "fits" && html`<p class="small muted">${preset.fit.why}</p>`}
    <div class="row">
      <${Action} class="slim" icon="download" disabled=${preset.installed} run=${() => download({ source: preset.name })} onError=${onError}>${preset.installed ? "Here" : "Download"}<//>
      <${Action} class="slim ghost" icon="eye" label=${`Estimate ${preset.title}`} run=${look} onError=${onError}>Estimate<//>
    </div>
  </li>`;
}

function Address() {
  const [source, setSource] = useState("");
  const [name, setName] = useState("");
  const [estimate, setEstimate] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const failed = (/** @type {unknown} */ error) => setProblem(problemOf(error));
  const look = async () => {
    setProblem(null);
    setEstimate(null);
    const address = source.trim();
    setEstimate(await ask("POST", "/api/v1/estimate", { [address.includes("://") ? "url" : "model"]: address, settings: {} }));
  };
  const begin = async () => {
    setProblem(null);
    await download({ source: source.trim(), ...(name.trim() ? { name: name.trim() } : {}) });
    setSource("");
    setName("");
    setEstimate(null);
  };
  const blank = source.trim() === "";
  return html`<div class="stack">
    <${Field} label="Repository or address" hint="owner/repository, owner/repository:file.gguf, or a URL. The best file for this machine is chosen where none is named."><input placeholder="owner/repository" value=${source} onInput=${(/** @type {any} */ event) => { setSource(event.target.value); setEstimate(null); }} /><//>
    <${Field} label="Name here"><input placeholder="that of the file" value=${name} onInput=${(/** @type {any} */ event) => setName(event.target.value)} /><//>
    ${problem?.isMissing ? html`<${NotHere} what="downloads from its panel" />` : html`<${ErrorNote} problem=${problem} onClose=${() => setProblem(null)} />`}
    <${EstimateView} estimate=${estimate} />
    <div class="row"><${Action} icon="eye" disabled=${blank} run=${look} onError=${failed}>Estimate<//><${Action} class="primary" icon="download" disabled=${blank} run=${begin} onError=${failed}>Download<//></div>
  </div>`;
}

function Import() {
  const [path, setPath] = useState("");
  const [picking, setPicking] = useState(false);
  const [estimate, setEstimate] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const [done, setDone] = useState("");
  const failed = (/** @type {unknown} */ error) => setProblem(problemOf(error));
  const choose = (/** @type {string} */ file) => {
    setPath(file);
    setEstimate(null);
  };
  const look = async () => {
    setProblem(null);
    setEstimate(null);
    setEstimate(await ask("POST", "/api/v1/estimate", { path: path.trim() }));
  };
  const bring = async () => {
    setProblem(null);
    setDone("");
    const told = await ask("POST", "/api/v1/models/import", { path: path.trim() });
    setDone(told?.name ?? path);
    choose("");
  };
  return html`<div class="stack">
    <p class="small muted">A model that lies on this machine already is used where it is; nothing is copied.</p>
    <${Field} label="Path of a file"><input placeholder="/models/model.gguf" value=${path} onInput=${(/** @type {any} */ event) => choose(event.target.value)} /><//>
    ${problem?.isMissing ? html`<${NotHere} what="importing" />` : html`<${ErrorNote} problem=${problem} onClose=${() => setProblem(null)} />`}
    ${done && html`<p class="small" role="status">${done} was imported.</p>`}
    <${EstimateView} estimate=${estimate} />
    <div class="row"><button class="btn" onClick=${() => setPicking(true)}>Look for it</button><${Action} icon="eye" disabled=${path.trim() === ""} run=${look} onError=${failed}>Estimate<//><${Action} class="primary" icon="plus" disabled=${path.trim() === ""} run=${bring} onError=${failed}>Import<//></div>
    ${picking && html`<${FilePicker} onPick=${(/** @type {string} */ file) => { choose(file); setPicking(false); }} onClose=${() => setPicking(false)} />`}
  </div>`;
}
