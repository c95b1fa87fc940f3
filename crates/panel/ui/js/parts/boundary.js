// A page that fails says so and leaves the others alone.
import { html } from "../lib.js";
import { Component } from "../../vendor/preact.js";
import { Note } from "./basics.js";

export class ErrorBoundary extends Component {
  /** @param {any} props */
  constructor(props) {
    super(props);
    this.state = { error: null };
  }

  /** @param {unknown} error */
  static getDerivedStateFromError(error) {
    return { error };
  }

  /** @param {any} props @param {any} state */
  render(props, state) {
    if (!state.error) return props.children;
    console.error(state.error);
    return html`<div class="page"><${Note} tone="bad"><p>This page could not be shown: ${String(state.error)}</p><p>Reload it; report it if it stays.</p><//></div>`;
  }
}
