// Server-sent events out of the text of an answer, as it comes in pieces.

/**
 * @typedef {object} Frame
 * @property {string} event
 * @property {string} data
 * @property {string | null} comment
 */

/** Reads frames from pieces of text. */
export class FrameReader {
  #rest = "";

  /**
   * The frames that are whole with this piece.
   * @param {string} piece
   * @returns {Frame[]}
   */
  read(piece) {
    this.#rest = (this.#rest + piece).replaceAll("\r\n", "\n");
    const parts = this.#rest.split("\n\n");
    this.#rest = parts.pop() ?? "";
    return parts.filter((part) => part !== "").map(frame);
  }
}

/**
 * @param {string} text
 * @returns {Frame}
 */
function frame(text) {
  let event = "message";
  /** @type {string | null} */
  let comment = null;
  /** @type {string[]} */
  const data = [];
  for (const line of text.split("\n")) {
    if (line.startsWith(":")) comment = line.slice(1).trim();
    else if (line.startsWith("event:")) event = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
  }
  return { event, data: data.join("\n"), comment };
}
