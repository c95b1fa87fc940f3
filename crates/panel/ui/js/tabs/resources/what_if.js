// What if: what loading a model would do, asked of the same code that decides.

/** @import { Plan } from "../../types.js" */
import { html, useEffect, useState } from "../../lib.js";
import { Card, Empty, Field } from "../../parts/basics.js";
import { PlanView } from "../../parts/plan.js";
import { ask, problemOf, segment } from "../../state/api.js";
import { status } from "../../state/store.js";

export function WhatIf() {
  const [name, setName] = useState("");
  const [plan, setPlan] = useState(/** @type {Plan | null} */ (null));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const all = status.value?.models ?? [];
  const chosen = name || all.find((model) => !model.instance || model.instance.state !== "ready")?.id || all[0]?.id || "";
  // Whatever comes or goes changes what would happen.
  const loaded = all.map((model) => `${model.instance?.id}${model.instance?.state}`).join();
  useEffect(() => {
    if (!chosen) return undefined;
    const controller = new AbortController();
    const timer = setTimeout(() => {
      ask("GET", `/api/v1/plan/${segment(chosen)}`, undefined, { signal: controller.signal })
        .then((told) => { setPlan(told); setProblem(null); })
        .catch((error) => { if (!controller.signal.aborted) setProblem(problemOf(error)); });
    }, 200);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [chosen, loaded]);
  return html`<${Card} title="What if" hint="Nothing is loaded by looking: this is what would happen if somebody asked now.">
    ${all.length === 0 ? html`<${Empty} icon="eye" title="No model to ask about" />` : html`<div class="stack">
      <${Field} label="Somebody asks for"><select value=${chosen} onChange=${(/** @type {any} */ event) => { setPlan(null); setName(event.target.value); }}>${all.map((model) => html`<option key=${model.id} value=${model.id}>${model.id}</option>`)}</select><//>
      <${PlanView} plan=${plan} problem=${problem} />
    </div>`}
  <//>`;
}
