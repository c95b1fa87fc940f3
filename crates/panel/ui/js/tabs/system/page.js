// System: the machine, its memory now and lately, what fits it, the builds of servers, budgets.
import { html } from "../../lib.js";
import { PageHead } from "../../parts/basics.js";
import { duration } from "../../pure/format.js";
import { system } from "../../state/store.js";
import { Budgets } from "./budgets.js";
import { Builds } from "./builds.js";
import { Charts } from "./charts.js";
import { Devices } from "./devices.js";
import { FirstSteps } from "./first_steps.js";
import { Recommendations } from "./recommendations.js";
import { Settings } from "./settings.js";

export function System() {
  const told = system.value;
  const facts = told?.machine?.facts;
  const cpu = facts?.cpu;
  const text = cpu
    ? `${cpu.model}, ${cpu.physical_cores} cores · up for ${duration(Math.max(0, Date.now() - told.started_at_ms))}`
    : "This machine, its memory, and what runs on it.";
  return html`
    <${PageHead} title="System" text=${text} />
    <${FirstSteps} />
    <${Devices} />
    <${Charts} />
    <div class="grid two"><${Recommendations} /><${Budgets} /></div>
    <div class="grid two"><${Builds} /><${Settings} /></div>`;
}
