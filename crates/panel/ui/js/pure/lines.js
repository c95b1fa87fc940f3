// Lines of logs: kept in a ring, filtered by level and text.

/** @import { LogLine } from "../types.js" */

/** How many lines are kept. */
export const MOST = 10_000;

const RANKS = { error: 0, warn: 1, info: 2, debug: 3 };

/**
 * @param {LogLine[]} lines
 * @param {LogLine[]} more
 * @returns {LogLine[]}
 */
export function added(lines, more) {
  const all = lines.concat(more);
  return all.length > MOST ? all.slice(all.length - MOST) : all;
}

/**
 * The lines that are at least as grave as `level` and have `text`, of `source` where it is named.
 * @param {LogLine[]} lines
 * @param {{ level: string, text: string, model: string | null }} wanted
 */
export function filtered(lines, wanted) {
  const rank = RANKS[/** @type {keyof typeof RANKS} */ (wanted.level)] ?? 3;
  const text = wanted.text.toLowerCase();
  return lines.filter(
    (line) =>
      (RANKS[line.level] ?? 2) <= rank &&
      (wanted.model === null || line.model === wanted.model || (wanted.model === "" && line.source === "daemon")) &&
      (text === "" || line.line.toLowerCase().includes(text)),
  );
}
