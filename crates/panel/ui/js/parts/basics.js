// The smallest parts: cards, notes, fields, bars, choices.

/** @import { ApiProblem } from "../types.js" */
import { html, useId, useState } from "../lib.js";
import { bytes } from "../pure/format.js";
import { Problem } from "../state/api.js";
import { Icon } from "./icon.js";

/** @param {{ title: any, hint?: any, aside?: any, flush?: boolean, class?: string, children?: any }} props */
export function Card({ title, hint, aside, flush, class: extra, children }) {
  const id = useId();
  return html`<section class=${`card ${flush ? "flush" : ""} ${extra ?? ""}`} aria-labelledby=${id}>
    <header><h2 id=${id}>${title}</h2>${aside}${hint && html`<p>${hint}</p>`}</header>
    ${children}
  </section>`;
}

/** @param {{ title: string, text: string, aside?: any }} props */
export function PageHead({ title, text, aside }) {
  return html`<div class="page-head"><div><h1>${title}</h1><p>${text}</p></div>${aside}</div>`;
}

/** @param {{ tone?: string, icon?: string, children?: any }} props */
export function Note({ tone = "", icon, children }) {
  const name = icon ?? (tone === "bad" || tone === "warn" ? "warn" : tone === "good" ? "check" : "info");
  return html`<div class=${`note ${tone}`}><${Icon} name=${name} /><div class="grow wrap">${children}</div></div>`;
}

/**
 * What went wrong, where it went wrong, and what to do about it.
 * @param {{ problem: Problem | ApiProblem | null | undefined, onClose?: () => void }} props
 */
export function ErrorNote({ problem, onClose }) {
  if (!problem) return null;
  const told = problem instanceof Problem ? problem.told : problem;
  const lines = /** @type {string[]} */ (told["last_lines"] ?? []);
  return html`<div class="note bad" role="alert">
    <${Icon} name="warn" />
    <div class="grow wrap">
      <p>${told.message}</p>
      ${told.remedy && html`<p>${told.remedy}</p>`}
      ${lines.length > 0 && html`<details><summary>Its last lines</summary><pre class="wrap small">${lines.join("\n")}</pre></details>`}
    </div>
    ${onClose && html`<button class="btn ghost slim icon-only" aria-label="Dismiss" onClick=${onClose}><${Icon} name="close" /></button>`}
  </div>`;
}

/** What this daemon does not offer (yet): said plainly. @param {{ what: string }} props */
export function NotHere({ what }) {
  return html`<${Note}><p>This daemon does not offer ${what}.</p><p class="muted">A newer version of Loadmaster may.</p><//>`;
}

/** @param {{ icon: string, title: string, children?: any }} props */
export function Empty({ icon, title, children }) {
  return html`<div class="empty"><${Icon} name=${icon} /><b>${title}</b>${children}</div>`;
}

/** @param {{ tone?: string, children?: any, title?: string }} props */
export function Badge({ tone = "", children, title }) {
  return html`<span class=${`badge ${tone}`} title=${title}>${children}</span>`;
}

/** @param {{ label: any, value?: any, hint?: any, children?: any, class?: string }} props */
export function Field({ label, value, hint, children, class: extra }) {
  return html`<label class=${`field ${extra ?? ""}`}>
    <span><span>${label}</span>${value !== undefined && html`<output>${value}</output>`}</span>
    ${children}
    ${hint && html`<span class="hint">${hint}</span>`}
  </label>`;
}

/**
 * A few choices beside each other.
 * @param {{ label: string, options: [string, any][], value: string, onChange: (value: string) => void }} props
 */
export function Choice({ label, options, value, onChange }) {
  return html`<div class="seg" role="group" aria-label=${label}>
    ${options.map(([key, text]) => html`<button type="button" key=${key} aria-pressed=${String(key === value)} onClick=${() => onChange(key)}>${text}</button>`)}
  </div>`;
}

/**
 * A bar that fills.
 * @param {{ label: string, share: number | null, tone?: string, slim?: boolean }} props
 */
export function Progress({ label, share, tone = "c-new", slim }) {
  const known = share !== null && Number.isFinite(share);
  const filled = known ? Math.min(1, Math.max(0, share)) : 0;
  return html`<div class=${`bar ${slim ? "slim" : ""}`} role="progressbar" aria-label=${label}
    aria-valuemin="0" aria-valuemax="100" aria-valuenow=${known ? Math.round(filled * 100) : undefined}>
    <i class=${tone} style=${{ width: `${filled * 100}%` }}></i>
  </div>`;
}

/**
 * A bar of parts, and a list that names them. Colours alone tell nothing: the list has every figure.
 * @param {{ label: string, total: number, parts: { label: string, bytes: number, tone: string }[], mark?: number | null, tall?: boolean, quiet?: boolean }} props
 */
export function Stack({ label, total, parts, mark, tall, quiet }) {
  const share = (/** @type {number} */ value) => `${total > 0 ? Math.min(100, (value / total) * 100) : 0}%`;
  const spoken = parts.map((part) => `${part.label} ${bytes(part.bytes)}`).join(", ");
  return html`<div class="stack tight">
    <div class=${`bar ${tall ? "tall" : ""}`} role="img" aria-label=${`${label}: ${spoken} of ${bytes(total)}`}>
      ${parts.map((part, index) => html`<i key=${`${part.label}${index}`} class=${part.tone} style=${{ width: share(part.bytes) }} title=${`${part.label}: ${bytes(part.bytes)}`}></i>`)}
      ${mark ? html`<span class="mark" style=${{ left: share(mark) }} title=${`Limit: ${bytes(mark)}`}></span>` : null}
    </div>
    ${!quiet && html`<ul class="legend-list">
      ${parts.filter((part) => part.bytes > 0).map((part, index) => html`<li key=${index}><i class=${part.tone} aria-hidden="true"></i>${part.label} <b>${bytes(part.bytes)}</b></li>`)}
    </ul>`}
  </div>`;
}

/**
 * Copies a text, and says for two seconds that it did.
 * @param {{ text: () => string, label?: string, slim?: boolean }} props
 */
export function Copy({ text, label = "Copy", slim }) {
  const [done, setDone] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      setDone("Copied");
    } catch {
      setDone("The browser did not allow it");
    }
    setTimeout(() => setDone(""), 2000);
  };
  return html`<button type="button" class=${`btn ${slim ? "slim" : ""}`} onClick=${copy}>
    <${Icon} name=${done === "Copied" ? "check" : "copy"} /><span aria-live="polite">${done || label}</span>
  </button>`;
}

/**
 * A button that tells that it works, and what came of it where it failed (`onError`).
 * @param {{ run: () => Promise<unknown>, onError?: (error: unknown) => void, icon?: string, class?: string, disabled?: boolean, label?: string, children?: any }} props
 */
export function Action({ run, onError, icon, class: extra = "", disabled, label, children }) {
  const [busy, setBusy] = useState(false);
  const click = async () => {
    setBusy(true);
    try {
      await run();
    } catch (error) {
      onError?.(error);
    } finally {
      setBusy(false);
    }
  };
  return html`<button type="button" class=${`btn ${extra}`} disabled=${disabled || busy} aria-busy=${String(busy)} aria-label=${label} title=${label} onClick=${click}>
    ${busy ? html`<span class="spin" aria-hidden="true"></span>` : icon ? html`<${Icon} name=${icon} />` : null}${children}
  </button>`;
}
