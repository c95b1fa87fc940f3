// Figures as people read them.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/**
 * Bytes with three significant digits: 1.25 GiB.
 * @param {number | null | undefined} value
 */
export function bytes(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "unknown";
  let unit = 0;
  let size = value;
  while (Math.abs(size) >= 1000 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  if (unit === 0) return `${size} B`;
  const digits = Math.abs(size) >= 100 ? 0 : Math.abs(size) >= 10 ? 1 : 2;
  return `${size.toFixed(digits)} ${UNITS[unit]}`;
}

/**
 * A time that something takes: 850 ms, 4.2 s, 3 min 20 s, 2 h 5 min.
 * @param {number | null | undefined} ms
 */
export function duration(ms) {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return "unknown";
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}

/**
 * The time of the day, to the second.
 * @param {number} ms milliseconds since 1970
 */
export function clock(ms) {
  return new Date(ms).toLocaleTimeString(undefined, { hour12: false });
}

/**
 * How long ago something was, roughly.
 * @param {number} ms milliseconds since 1970
 * @param {number} now the same
 */
export function ago(ms, now) {
  const seconds = Math.max(0, (now - ms) / 1000);
  if (seconds < 45) return "just now";
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}

/**
 * A whole number with separators.
 * @param {number | null | undefined} value
 */
export function count(value) {
  return value === null || value === undefined ? "unknown" : value.toLocaleString("en");
}

/**
 * How many weights a model has: 7.6 B, 135 M.
 * @param {number | null | undefined} value
 */
export function weights(value) {
  if (!value) return "unknown";
  for (const [size, unit] of /** @type {[number, string][]} */ ([[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "K"]])) {
    if (value >= size) {
      const scaled = value / size;
      return `${scaled >= 100 ? Math.round(scaled) : Number(scaled.toFixed(1))} ${unit}`;
    }
  }
  return String(value);
}

/**
 * Tokens of a context: 32K.
 * @param {number | null | undefined} value
 */
export function tokens(value) {
  if (!value) return "unknown";
  if (value >= 1024 && value % 1024 === 0) return `${value / 1024}K`;
  return count(value);
}

/**
 * A share of one as per cent.
 * @param {number} share
 */
export function percent(share) {
  return `${Math.round(Math.min(1, Math.max(0, share)) * 100)} %`;
}

/**
 * Reads an amount of memory as people write it; null where it is none.
 * @param {string} text
 * @returns {number | null}
 */
export function readBytes(text) {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|TiB|K|M|G|T)?\s*$/i.exec(text);
  if (!match) return null;
  const letter = (match[2] ?? "B").charAt(0).toUpperCase();
  return Math.round(Number(match[1]) * 1024 ** Math.max(0, ["B", "K", "M", "G", "T"].indexOf(letter)));
}
