// A real chat: conversations beside it, turns, the composer below.

/** @import { ModelStatus } from "../../types.js" */
/** @import { Turn } from "../../state/chats.js" */
import { html, useEffect, useRef, useState } from "../../lib.js";
import { Copy, Empty, ErrorNote } from "../../parts/basics.js";
import { Icon } from "../../parts/icon.js";
import { Markdown } from "../../parts/markdown.js";
import { thought } from "../../pure/answer.js";
import { ago, duration } from "../../pure/format.js";
import { again, conversations, current, forget, startNew, writing } from "../../state/chats.js";
import { Composer } from "./composer.js";
import { Sampling } from "./sampling.js";

const IDEAS = ["Explain how a context window works, in three sentences.", "Write a haiku about memory.", "Which questions can you answer well?"];

/** @param {{ model: ModelStatus }} props */
export function Chat({ model }) {
  const [tuned, setTuned] = useState(false);
  const [draft, setDraft] = useState("");
  const shown = conversations.value.find((one) => one.id === current.value);
  const end = useRef(/** @type {HTMLDivElement | null} */ (null));
  const stuck = useRef(true);
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const turns = shown?.turns ?? [];
  useEffect(() => {
    // The latest words stay in view unless the reader went up to read.
    if (stuck.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [turns]);
  const scrolled = () => {
    const element = box.current;
    if (element) stuck.current = element.scrollHeight - element.scrollTop - element.clientHeight < 80;
  };
  return html`<section class=${`chat card flush ${tuned ? "tuned" : ""}`} aria-label="Chat">
    <${History} />
    <div class="talk">
      <div class="turns" ref=${box} onScroll=${scrolled} tabindex="0" role="log" aria-label="Conversation" aria-live="off">
        ${turns.length === 0 && html`<${Empty} icon="sparkle" title=${`Ask ${model.id} something`}>
          <p>It is loaded with the first question. Everything stays on this machine.</p>
          <div class="row ideas">${IDEAS.map((idea) => html`<button class="btn slim" key=${idea} onClick=${() => setDraft(idea)}>${idea}</button>`)}</div>
        <//>`}
        ${turns.map((turn, index) => html`<${OneTurn} key=${index} turn=${turn} last=${index === turns.length - 1}
          onAgain=${() => shown && again(shown.id, model.id)} />`)}
        <div ref=${end}></div>
      </div>
      <${Composer} model=${model} draft=${draft} setDraft=${setDraft} tuned=${tuned} setTuned=${setTuned} onSent=${() => { stuck.current = true; }} />
    </div>
    ${tuned && html`<${Sampling} onClose=${() => setTuned(false)} />`}
  </section>`;
}

function History() {
  const all = conversations.value;
  const now = Date.now();
  return html`<aside class="history" aria-label="Conversations">
    <button class="btn" onClick=${startNew}><${Icon} name="plus" />New conversation</button>
    <ul>
      ${all.map((one) => html`<li key=${one.id} class=${one.id === current.value ? "on" : ""}>
        <button class="open" aria-current=${one.id === current.value ? "true" : undefined} onClick=${() => { current.value = one.id; }}><span class="clip">${one.title}</span><span class="small muted">${ago(one.at, now)}</span></button>
        <button class="btn ghost slim icon-only" aria-label=${`Delete ${one.title}`} onClick=${() => forget(one.id)}><${Icon} name="trash" /></button>
      </li>`)}
    </ul>
    ${all.length === 0 && html`<p class="small muted">Conversations are kept in this browser only.</p>`}
  </aside>`;
}

/** @param {{ turn: Turn, last: boolean, onAgain: () => void }} props */
function OneTurn({ turn, last, onAgain }) {
  if (turn.role === "user") {
    return html`<article class="turn user"><h2 class="sr">You</h2>
      ${turn.images.length > 0 && html`<div class="row">${turn.images.map((url, index) => html`<img key=${index} class="thumb" src=${url} alt=${`Picture ${index + 1}`} />`)}</div>`}
      <p>${turn.text}</p>
    </article>`;
  }
  const { answer } = turn;
  const live = last && writing.value !== null;
  const inner = thought(answer.text);
  const reasoning = answer.reasoning || inner.reasoning;
  const text = answer.reasoning ? answer.text : inner.text;
  return html`<article class="turn model" aria-busy=${String(live)}><h2 class="sr">${turn.model}</h2>
    ${reasoning && html`<details class="reasoning"><summary><${Icon} name="brain" />${live && !text ? "Thinking" : "Reasoning"}</summary><div class="muted small"><${Markdown} text=${reasoning} /></div></details>`}
    ${text && html`<${Markdown} text=${text} />`}
    ${live && !text && html`<p class="row muted"><span class="spin" aria-hidden="true"></span><span aria-live="polite">${answer.waiting ? words(answer.waiting) : reasoning ? "Thinking" : "The model is being asked"}</span></p>`}
    ${!live && !text && !answer.error && html`<p class="muted">The answer is empty${answer.finish === "length" ? ": raise the most tokens of an answer, and ask again" : ""}.</p>`}
    <${ErrorNote} problem=${answer.error} />
    ${answer.finish === "length" && text && html`<p class="small muted">It was cut at the most tokens.</p>`}
    ${answer.finish === "stopped" && html`<p class="small muted">You stopped it.</p>`}
    <footer class="row small muted num">
      <span class="clip">${turn.model}</span>
      ${answer.perSecond && html`<span>${answer.perSecond.toFixed(1)} tokens/s</span>`}
      ${answer.tokens > 0 && html`<span>${answer.tokens} tokens</span>`}
      ${answer.prompt ? html`<span>${answer.prompt} of prompt${answer.cached ? `, ${answer.cached} known` : ""}</span>` : null}
      ${!live && turn.ms > 0 && html`<span>${duration(turn.ms)}</span>`}
      ${!live && html`<span class="row tools"><${Copy} slim text=${() => text} />${last && html`<button class="btn slim" onClick=${onAgain}><${Icon} name="refresh" />Again</button>`}</span>`}
    </footer>
  </article>`;
}

/** @param {string} waiting what the gateway's comment says */
function words(waiting) {
  return waiting.charAt(0).toUpperCase() + waiting.slice(1);
}
