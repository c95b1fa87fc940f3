// Resources: the orchestra. What is in memory, what was, who made room for whom and why.
import { html } from "../../lib.js";
import { PageHead } from "../../parts/basics.js";
import { Diagnostics } from "./diagnostics.js";
import { EventLog } from "./event_log.js";
import { Ledger } from "./ledger.js";
import { Servers } from "./servers.js";
import { TimelineCard } from "./timeline.js";
import { WhatIf } from "./what_if.js";

export function Resources() {
  return html`
    <${PageHead} title="Resources" text="Who is in memory, who was, and who made room for whom." />
    <${TimelineCard} />
    <${Servers} />
    <div class="grid two"><${Ledger} /><${WhatIf} /></div>
    <div class="grid two"><${EventLog} /><${Diagnostics} /></div>`;
}
