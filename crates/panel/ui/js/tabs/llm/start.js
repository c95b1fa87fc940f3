// Start with automatic settings or by hand, with what that would take while one types.

/** @import { ModelStatus, Plan } from "../../types.js" */
import { html, useEffect, useState } from "../../lib.js";
import { Action, Card, ErrorNote, Field } from "../../parts/basics.js";
import { PlanView } from "../../parts/plan.js";
import { AUTOMATIC, CACHE_TYPES, settingsOf } from "../../pure/load_settings.js";
import { ask, problemOf, segment } from "../../state/api.js";
import { refreshSoon } from "../../state/stream.js";
import { status } from "../../state/store.js";

/** How long nobody must have typed before it is planned anew. */
const PAUSE = 250;

/** What came of the settings of a start. @type {Record<string, string>} */
const CHANGES = {
  taken: "It was started with these settings, and keeps them until it is stopped.",
  kept: "It runs that way already: nothing had to be loaded anew.",
  reloads: "It finished what it was asked, and was loaded anew; it keeps these settings until it is stopped.",
};

/** @param {{ model: ModelStatus }} props */
export function Start({ model }) {
  const [automatic, setAutomatic] = useState(true);
  const [form, setForm] = useState(AUTOMATIC);
  const [plan, setPlan] = useState(/** @type {Plan | null} */ (null));
  const [planProblem, setPlanProblem] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const [change, setChange] = useState("");
  const { settings, wrong } = automatic ? { settings: {}, wrong: {} } : settingsOf(form);
  // What only the daemon knows to be wrong is told at its field too.
  const refused = planProblem?.told.code === "invalid_setting" ? String(planProblem.told.param) : "";
  const hints = /** @type {Record<string, string>} */ ({ ...(refused ? { [refused]: "The server cannot take this." } : {}), ...wrong });
  const key = JSON.stringify([model.id, settings]);
  const blocked = Object.keys(wrong).length > 0;
  // What else runs decides what must leave: a change of it is a reason to plan anew.
  const others = status.value?.models.map((one) => `${one.instance?.id}${one.instance?.state}`).join();
  useEffect(() => {
    if (blocked) return undefined;
    const controller = new AbortController();
    const timer = setTimeout(async () => {
      try {
        setPlan(await planned(model.id, settings, controller.signal));
        setPlanProblem(null);
      } catch (error) {
        if (controller.signal.aborted) return;
        setPlan(null);
        setPlanProblem(problemOf(error));
      }
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [key, blocked, others]);
  const start = async () => {
    setProblem(null);
    const body = Object.keys(settings).length > 0 ? { settings } : undefined;
    setChange("");
    setChange((await ask("POST", `/api/v1/instances/${segment(model.id)}?wait=true`, body)).change);
    refreshSoon();
  };
  const set = (/** @type {keyof typeof AUTOMATIC} */ name) => (/** @type {any} */ event) => setForm({ ...form, [name]: event.target.value });
  return html`<${Card} title="Start">
    <div class="stack">
      <label class="check"><input type="checkbox" checked=${automatic} onChange=${(/** @type {any} */ event) => setAutomatic(event.target.checked)} /><span><b>Automatic settings</b> <span class="muted small">the best plan for what is free</span></span></label>
      ${!automatic && html`<div class="fields">
        <${Field} label="Context" hint=${hints["context_length"]}><input type="number" min="1" step="512" placeholder="automatic" value=${form.context_length} onInput=${set("context_length")} aria-invalid=${String("context_length" in hints)} /><//>
        <${Field} label="GPU layers" hint=${hints["gpu_layers"]}><input placeholder="automatic, all" value=${form.gpu_layers} onInput=${set("gpu_layers")} aria-invalid=${String("gpu_layers" in hints)} /><//>
        <${Field} label="Slots" hint=${hints["parallel"]}><input type="number" min="1" max="256" placeholder="automatic" value=${form.parallel} onInput=${set("parallel")} aria-invalid=${String("parallel" in hints)} /><//>
        <${Field} label="Threads" hint=${hints["threads"]}><input type="number" min="1" placeholder="automatic" value=${form.threads} onInput=${set("threads")} aria-invalid=${String("threads" in hints)} /><//>
        <${Pick} label="Keys in" value=${form.cache_type_k} options=${CACHE_TYPES} onChange=${set("cache_type_k")} />
        <${Pick} label="Values in" value=${form.cache_type_v} options=${CACHE_TYPES} onChange=${set("cache_type_v")} />
        <${Pick} label="Flash attention" value=${form.flash_attention} options=${["auto", "on", "off"]} onChange=${set("flash_attention")} />
        <${Field} label="More flags of llama-server" hint=${hints["extra"]} class="wide"><input placeholder="--no-context-shift --rope-scale 2" value=${form.extra} onInput=${set("extra")} aria-invalid=${String("extra" in hints)} /><//>
      </div>`}
      <${PlanView} plan=${plan} problem=${planProblem} changed=${Object.keys(settings).length > 0} />
      <${ErrorNote} problem=${problem} onClose=${() => setProblem(null)} />
      ${change in CHANGES && html`<p class="small muted" role="status">${CHANGES[change]}</p>`}
      <div class="row">
        <${Action} class="primary" icon="play" disabled=${blocked} run=${start} onError=${(/** @type {unknown} */ error) => setProblem(problemOf(error))}>${model.instance?.state === "ready" ? "Start with these settings" : "Start"}<//>
      </div>
    </div>
  <//>`;
}

/**
 * What the settings would take; where the daemon plans only what is configured, that.
 * @param {string} model
 * @param {Record<string, any>} settings
 * @param {AbortSignal} signal
 * @returns {Promise<Plan>}
 */
async function planned(model, settings, signal) {
  const path = `/api/v1/plan/${segment(model)}`;
  return Object.keys(settings).length > 0 ? ask("POST", path, { settings }, { signal }) : ask("GET", path, undefined, { signal });
}

/** @param {{ label: string, value: string, options: string[], onChange: (event: any) => void }} props */
function Pick({ label, value, options, onChange }) {
  return html`<${Field} label=${label}><select value=${value} onChange=${onChange}><option value="">automatic</option>${options.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select><//>`;
}
