// Whoever has no model yet is led to one.
import { html } from "../../lib.js";
import { Icon } from "../../parts/icon.js";
import { library, status } from "../../state/store.js";

export function FirstSteps() {
  const offered = status.value?.models.length ?? 0;
  if (!status.value || offered > 0 || (library.value?.length ?? 0) > 0) return null;
  return html`<section class="welcome" aria-label="First steps">
    <h2>Welcome. Three steps to the first answer:</h2>
    <ol>
      <li><${Icon} name="models" /><div><b>Choose a model that fits</b><p>The page of models lists presets, and says of each whether this machine can run it.</p></div></li>
      <li><${Icon} name="download" /><div><b>Download it</b><p>It comes in the background, is checked, and goes on where it was cut off.</p></div></li>
      <li><${Icon} name="llm" /><div><b>Talk to it</b><p>It is loaded when you first ask it something. Nothing is to be set up.</p></div></li>
    </ol>
    <a class="btn primary" href="#/models">Choose a model</a>
  </section>`;
}
