// Begins: one stream of events, one tree of elements.
import { html, render } from "./lib.js";
import { App } from "./app.js";
import { connect } from "./state/stream.js";

// The token of the link is in a cookie by now; it need not stay where anybody can read it over a shoulder.
if (new URLSearchParams(location.search).has("token")) history.replaceState(null, "", `/${location.hash}`);

const root = document.getElementById("app");
if (root) {
  root.replaceChildren();
  render(html`<${App} />`, root);
  connect();
}
