// The system prompt and how tokens are chosen. What is left empty is the model's own.
import { html } from "../../lib.js";
import { Choice, Field } from "../../parts/basics.js";
import { Icon } from "../../parts/icon.js";
import { sampling, setSampling } from "../../state/chats.js";

/** @type {[keyof import("../../state/chats.js").Sampling, string, number, number, number][]} name, label, least, most, step */
const NUMBERS = [
  ["temperature", "Temperature", 0, 2, 0.05], ["top_p", "Top p", 0, 1, 0.01], ["top_k", "Top k", 0, 200, 1],
  ["min_p", "Min p", 0, 1, 0.01], ["max_tokens", "Most tokens", 1, 131_072, 1], ["seed", "Seed", 0, 4_294_967_295, 1],
];

/** @param {{ onClose: () => void }} props */
export function Sampling({ onClose }) {
  const now = sampling.value;
  return html`<aside class="tuning stack" aria-label="System prompt and sampling">
    <div class="row between"><h2>How it answers</h2><button class="btn ghost slim icon-only" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button></div>
    <${Field} label="System prompt"><textarea rows="4" placeholder="You are a helpful assistant." value=${now.system} onInput=${(/** @type {any} */ event) => setSampling({ system: event.target.value })}></textarea><//>
    <div class="fields">
      ${NUMBERS.map(([name, label, least, most, step]) => html`<${Field} key=${name} label=${label}>
        <input type="number" min=${least} max=${most} step=${step} placeholder="default" value=${now[name] ?? ""}
          onInput=${(/** @type {any} */ event) => setSampling({ [name]: event.target.value === "" ? null : Number(event.target.value) })} />
      <//>`)}
    </div>
    <div class="stack tight"><span class="legend small">Reasoning, where the model can choose</span>
      <${Choice} label="Reasoning" value=${now.reasoning} onChange=${(/** @type {any} */ value) => setSampling({ reasoning: value })} options=${[["auto", "Its own"], ["on", "On"], ["off", "Off"]]} />
    </div>
    <p class="small muted">Kept in this browser, for all conversations.</p>
  </aside>`;
}
