// Long values cut for the eye; copying has them whole.

/** Items of a list that are shown. */
const ITEMS = 20;
/** Characters of a text that are shown. */
const CHARACTERS = 500;

/**
 * A value of a model's header in one line.
 * @param {any} value
 * @returns {string}
 */
export function shown(value) {
  if (value === null || value === undefined) return "none";
  if (typeof value === "string") return cut(value);
  if (typeof value === "object" && "length" in value && Array.isArray(value.first)) {
    const first = value.first.slice(0, ITEMS).map(item).join(", ");
    const more = value.length - Math.min(ITEMS, value.first.length);
    return more > 0 ? `[${first}, … ${more.toLocaleString("en")} more]` : `[${first}]`;
  }
  if (Array.isArray(value)) return shown({ length: value.length, first: value });
  return cut(typeof value === "object" ? JSON.stringify(value) : String(value));
}

/** @param {any} value */
function item(value) {
  return typeof value === "string" ? JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value) : shown(value);
}

/** @param {string} text */
function cut(text) {
  const rest = text.length - CHARACTERS;
  return rest > 0 ? `${text.slice(0, CHARACTERS)}… ${rest.toLocaleString("en")} more characters` : text;
}
