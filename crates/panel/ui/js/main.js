// Begins: one stream of events, one tree of elements.
import { html, render } from "./lib.js";
import { App } from "./app.js";
import { connect } from "./state/stream.js";

const root = document.getElementById("app");
if (root) {
  root.replaceChildren();
  render(html`<${App} />`, root);
  connect();
}
