// The form: prompt, size, steps, guidance, samplers, seed, batch, image to image.

/** @import { Capabilities, ModelStatus } from "../../types.js" */
import { html, signal, useEffect, useState } from "../../lib.js";
import { Action, Card, Choice, ErrorNote, Field } from "../../parts/basics.js";
import { Icon } from "../../parts/icon.js";
import { PlanView } from "../../parts/plan.js";
import { requestOf, SIZES } from "../../pure/image_request.js";
import { ask, problemOf, segment } from "../../state/api.js";
import { beginJob } from "../../state/jobs.js";
import { form } from "./page.js";

/** What models can do, by name; told when a model has been loaded once. */
const known = signal(/** @type {Record<string, Capabilities>} */ ({}));

/** The picture that an image begins with: a data URL. */
export const start = signal(/** @type {string | null} */ (null));

/** @param {{ model: ModelStatus }} props */
export function Ask({ model }) {
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const [tried, setTried] = useState(false);
  const now = form.value;
  const capabilities = known.value[model.id] ?? null;
  const ready = model.instance?.state === "ready";
  const read = async () => {
    const told = await ask("GET", `/api/v1/images/capabilities?model=${segment(model.id)}`);
    known.value = { ...known.peek(), [model.id]: told };
  };
  useEffect(() => {
    // Asking loads the model: without being told to, only one is asked that is there anyway.
    if (ready && !capabilities) read().catch(() => {});
  }, [ready, model.id]);
  const image = start.value?.split(",")[1] ?? null;
  const { body, wrong } = requestOf(now, model.id, image, capabilities);
  const failed = (/** @type {unknown} */ error) => setProblem(problemOf(error));
  const set = (/** @type {string} */ name) => (/** @type {any} */ event) => { form.value = { ...form.peek(), [name]: event.target.value }; };
  const paint = async () => {
    setTried(true);
    if (Object.keys(wrong).length > 0) return;
    setProblem(null);
    await beginJob(body);
  };
  const preset = capabilities?.defaults ?? {};
  const hint = (/** @type {string} */ name) => (tried || name !== "prompt" ? wrong[name] : undefined);
  const usual = (/** @type {any} */ value) => (value === null || value === undefined ? "the model's own" : String(value));
  return html`<${Card} title="New image" class="ask">
    <div class="stack">
      <${Field} label="Prompt" hint=${hint("prompt")}><textarea rows="4" placeholder="A lighthouse at dusk, waves, soft light" value=${now.prompt} onInput=${set("prompt")} aria-invalid=${String(tried && "prompt" in wrong)}></textarea><//>
      <${Field} label="Negative prompt"><textarea class="low" rows="2" placeholder="What it does not show" value=${now.negative} onInput=${set("negative")}></textarea><//>
      <div class="fields">
        <${Field} label="Size" hint=${wrong["size"]}><select value=${now.size} onChange=${set("size")}>${SIZES.map(([key, text]) => html`<option key=${key} value=${key}>${text}</option>`)}</select><//>
        ${now.size === "custom" && html`<${Field} label="Width"><input type="number" step="64" min="64" value=${now.width} onInput=${set("width")} /><//>
          <${Field} label="Height"><input type="number" step="64" min="64" value=${now.height} onInput=${set("height")} /><//>`}
        <${Field} label="Images"><select value=${now.n} onChange=${set("n")}>${[1, 2, 3, 4, 5, 6, 7, 8].map((n) => html`<option key=${n} value=${String(n)}>${n}</option>`)}</select><//>
        <${Field} label="Steps" hint=${wrong["steps"]}><input type="number" min="1" placeholder=${usual(preset["steps"])} value=${now.steps} onInput=${set("steps")} /><//>
        <${Field} label="CFG" hint=${wrong["cfg_scale"]}><input type="number" min="0" step="0.5" placeholder=${usual(preset["cfg_scale"])} value=${now.cfg} onInput=${set("cfg")} /><//>
        <${Field} label="Seed" hint=${wrong["seed"]}><input type="number" min="0" placeholder="random" value=${now.seed} onInput=${set("seed")} /><//>
      </div>
      <details>
        <summary>More</summary>
        <div class="fields">
          <${Named} label="Sampler" value=${now.sampler} names=${capabilities?.samplers} usual=${preset["sampler"]} onChange=${set("sampler")} />
          <${Named} label="Scheduler" value=${now.scheduler} names=${capabilities?.schedulers} usual=${preset["scheduler"]} onChange=${set("scheduler")} />
          <${Field} label="Guidance" hint=${wrong["guidance"]}><input type="number" min="0" step="0.5" placeholder=${usual(preset["guidance"])} value=${now.guidance} onInput=${set("guidance")} /><//>
          <${Field} label="Skip of CLIP" hint=${wrong["clip_skip"]}><input type="number" min="0" max="32" placeholder=${usual(preset["clip_skip"])} value=${now.clipSkip} onInput=${set("clipSkip")} /><//>
        </div>
        ${!capabilities && html`<p class="small muted row">The model tells which samplers it has when it is loaded. <${Action} class="slim" run=${read} onError=${failed}>Load and ask it<//></p>`}
        <${Loras} names=${capabilities?.loras ?? []} />
        <div class="stack tight"><span class="legend small">Format</span><${Choice} label="Format" value=${now.format} onChange=${(/** @type {string} */ format) => { form.value = { ...form.peek(), format }; }} options=${[["png", "PNG"], ["jpeg", "JPEG"], ["webp", "WebP"]]} /></div>
      </details>
      <${Beginning} strength=${now.strength} hint=${wrong["strength"]} set=${set("strength")} edits=${capabilities ? capabilities.edits : true} />
      <${ErrorNote} problem=${problem} onClose=${() => setProblem(null)} />
      <div class="row"><${Action} class="primary" icon="sparkle" run=${paint} onError=${failed}>${Number(now.n) > 1 ? `Paint ${now.n} images` : "Paint"}<//><${WhatIf} model=${model.id} /></div>
    </div>
  <//>`;
}

/** @param {{ label: string, value: string, names: string[] | undefined, usual: any, onChange: (event: any) => void }} props */
function Named({ label, value, names, usual, onChange }) {
  if (!names || names.length === 0) return html`<${Field} label=${label}><input placeholder="the model's own" value=${value} onInput=${onChange} /><//>`;
  return html`<${Field} label=${label}><select value=${value} onChange=${onChange}><option value="">${usual ? `${usual} (its own)` : "the model's own"}</option>${names.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select><//>`;
}

/** @param {{ names: string[] }} props */
function Loras({ names }) {
  const chosen = form.value.loras;
  if (names.length === 0) return null;
  const put = (/** @type {{ name: string, scale: number }[]} */ loras) => { form.value = { ...form.peek(), loras }; };
  return html`<div class="stack tight"><span class="legend small">LoRAs</span>
    ${names.map((name) => {
      const at = chosen.find((one) => one.name === name);
      return html`<div class="row" key=${name}>
        <label class="check grow"><input type="checkbox" checked=${Boolean(at)} onChange=${() => put(at ? chosen.filter((one) => one !== at) : [...chosen, { name, scale: 1 }])} />${name}</label>
        ${at && html`<label><span class="sr">Strength of ${name}</span><input class="input narrow" type="number" step="0.1" value=${at.scale} onInput=${(/** @type {any} */ event) => put(chosen.map((one) => (one === at ? { name, scale: Number(event.target.value) } : one)))} /></label>`}
      </div>`;
    })}
  </div>`;
}

/** Image to image. @param {{ strength: string, hint: string | undefined, set: (event: any) => void, edits: boolean }} props */
function Beginning({ strength, hint, set, edits }) {
  const picture = start.value;
  if (!edits) return html`<p class="small muted">This model cannot begin with an image.</p>`;
  /** @param {FileList | null} files */
  const read = (files) => {
    const file = files?.[0];
    if (!file) return;
    const reader = new FileReader();
    reader.onload = () => { start.value = String(reader.result); };
    reader.readAsDataURL(file);
  };
  return html`<div class="row beginning">
    ${picture && html`<img class="thumb" src=${picture} alt="The image to begin with" />`}
    <label class="btn"><${Icon} name="images" />${picture ? "Another image" : "Begin with an image"}<input class="sr" type="file" accept="image/*" onChange=${(/** @type {any} */ event) => { read(event.target.files); event.target.value = ""; }} /></label>
    ${picture && html`<${Field} label="Painted over" hint=${hint} class="grow"><input type="number" min="0" max="1" step="0.05" placeholder="the model's own" value=${strength} onInput=${set} /><//>
      <button class="btn ghost slim icon-only" aria-label="Begin without an image" onClick=${() => { start.value = null; }}><${Icon} name="close" /></button>`}
  </div>`;
}

/** @param {{ model: string }} props */
function WhatIf({ model }) {
  const [plan, setPlan] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const look = async () => {
    setProblem(null);
    setPlan(await ask("GET", `/api/v1/plan/${segment(model)}`));
  };
  return html`<${Action} class="ghost" icon="eye" run=${look} onError=${(/** @type {unknown} */ error) => setProblem(problemOf(error))}>What would happen?<//>
    ${(plan || problem) && html`<div class="full"><${PlanView} plan=${plan} problem=${problem} /></div>`}`;
}
