// Whether a model fits this machine, as a badge with its reason.

/** @import { Fit } from "../../types.js" */
import { html } from "../../lib.js";
import { Badge } from "../../parts/basics.js";

/** @type {Record<string, [string, string]>} */
const VERDICTS = { fits: ["good", "fits"], evicts: ["accent", "fits, others step aside"], tight: ["warn", "tight"], too_large: ["bad", "too large"], unknown: ["", "not known"] };

/** @param {{ fit: Fit | null | undefined }} props */
export function FitBadge({ fit }) {
  if (!fit) return null;
  const [tone, text] = VERDICTS[fit.verdict] ?? ["", fit.verdict];
  return html`<${Badge} tone=${tone} title=${fit.why}>${text}<//>`;
}
