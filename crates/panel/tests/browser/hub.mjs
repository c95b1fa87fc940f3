// A server of one file that is slow, answers ranges, cuts one transfer in the middle, and holds the rest back.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { basename } from "node:path";

/** Bytes of all transfers after which the one that is at it is cut. */
const CUT = 24 * 1024 * 1024;
/** Bytes of all transfers after which nothing more comes until it goes on. */
const HOLD = 56 * 1024 * 1024;
/** Bytes that are sent at once, and the pause behind them in milliseconds. */
const PIECE = 1024 * 1024;
const PAUSE = 15;

/** @returns {Promise<void>} */
function pause() {
  return new Promise((resolve) => { setTimeout(resolve, PAUSE); });
}

export class Hub {
  #server;
  #sent = 0;
  #goesOn = false;
  cuts = 0;
  url = "";

  /** @param {string} file */
  static async open(file) {
    const hub = new Hub();
    const { size } = await stat(file);
    hub.#server = createServer((request, response) => {
      const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? "");
      const from = range ? Number(range[1]) : 0;
      const to = range?.[2] ? Math.min(Number(range[2]), size - 1) : size - 1;
      response.writeHead(range ? 206 : 200, {
        "accept-ranges": "bytes", "content-length": to - from + 1, etag: '"one"',
        ...(range ? { "content-range": `bytes ${from}-${to}/${size}` } : {}),
      });
      if (request.method === "HEAD") {
        response.end();
        return;
      }
      void hub.#send(createReadStream(file, { start: from, end: to, highWaterMark: PIECE }), response);
    });
    await new Promise((resolve) => { hub.#server.listen(0, "127.0.0.1", () => resolve(undefined)); });
    hub.url = `http://127.0.0.1:${hub.#server.address().port}/${basename(file)}`;
    return hub;
  }

  /** @param {import("node:fs").ReadStream} file @param {import("node:http").ServerResponse} response */
  async #send(file, response) {
    for await (const piece of file) {
      while (this.#sent >= HOLD && !this.#goesOn && !response.destroyed) await pause();
      if (response.destroyed) return;
      response.write(piece);
      this.#sent += piece.length;
      if (this.#sent >= CUT && this.cuts === 0) {
        this.cuts += 1;
        response.destroy();
        return;
      }
      await pause();
    }
    response.end();
  }

  /** Sends what was held back. */
  goOn() {
    this.#goesOn = true;
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
