// What is filled in by hand for the start of a language model, as the settings of a request.

/**
 * @typedef {object} Form
 * @property {string} context_length
 * @property {string} gpu_layers
 * @property {string} cache_type_k
 * @property {string} cache_type_v
 * @property {string} parallel
 * @property {string} flash_attention
 * @property {string} threads
 * @property {string} extra
 */

/** @type {Form} Everything left to the planner. */
export const AUTOMATIC = { context_length: "", gpu_layers: "", cache_type_k: "", cache_type_v: "", parallel: "", flash_attention: "", threads: "", extra: "" };

/** The types that a cache is kept in, the largest first. */
export const CACHE_TYPES = ["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"];

/**
 * The settings of a form, and what in it cannot be.
 * @param {Form} form
 * @returns {{ settings: Record<string, any>, wrong: Record<string, string> }}
 */
export function settingsOf(form) {
  /** @type {Record<string, any>} */
  const settings = {};
  /** @type {Record<string, string>} */
  const wrong = {};
  for (const name of /** @type {const} */ (["context_length", "parallel", "threads"])) {
    const text = form[name].trim();
    if (text === "") continue;
    const number = Number(text);
    if (Number.isInteger(number) && number > 0) settings[name] = number;
    else wrong[name] = "A whole number from 1 up.";
  }
  const layers = form.gpu_layers.trim().toLowerCase();
  if (layers === "all") settings["gpu_layers"] = "all";
  else if (/^\d+$/.test(layers)) settings["gpu_layers"] = Number(layers);
  else if (layers !== "") wrong["gpu_layers"] = "A whole number, or all.";
  for (const name of /** @type {const} */ (["cache_type_k", "cache_type_v", "flash_attention"])) {
    if (form[name] !== "") settings[name] = form[name];
  }
  const extra = flags(form.extra);
  if (typeof extra === "string") wrong["extra"] = extra;
  else if (Object.keys(extra).length > 0) settings["extra"] = extra;
  return { settings, wrong };
}

/**
 * Flags as on a command line, by name, null where one has no value: `--no-warmup --rope-scale 2`.
 * @param {string} text
 * @returns {Record<string, any> | string} or what is wrong
 */
export function flags(text) {
  /** @type {Record<string, any>} */
  const found = {};
  const words = text.match(/"[^"]*"|'[^']*'|\S+/g) ?? [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? "";
    const match = /^--?([A-Za-z][\w-]*)(?:=(.*))?$/.exec(word);
    if (!match) return `'${word}' is no flag: write --name value.`;
    const next = words[at + 1];
    const name = match[1] ?? "";
    if (match[2] !== undefined) found[name] = value(match[2]);
    else if (next !== undefined && !/^--?[A-Za-z]/.test(next)) {
      found[name] = value(next);
      at += 1;
    } else found[name] = null;
  }
  return found;
}

/** @param {string} text */
function value(text) {
  const bare = text.replace(/^(["'])(.*)\1$/, "$2");
  return bare !== "" && Number.isFinite(Number(bare)) ? Number(bare) : bare;
}
