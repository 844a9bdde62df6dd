import { type Child, h } from "../dom";
import type { Run } from "../model/run";
import type { Part } from "../model/words";
import type { Store } from "../store";

/** A name of a message that leads to its life-line. */
export function messageLink(run: Run, store: Store, msg: number): HTMLElement {
  return h("button", { type: "button", class: "message", onclick: () => showMessage(run, store, msg) }, run.messageName(msg));
}

/** A point of time that moves the cursor there. */
export function timeLink(store: Store, t: number, text: string): HTMLElement {
  return h("button", { type: "button", class: "time", onclick: () => store.set({ t }) }, text);
}

export function sentence(run: Run, store: Store, parts: Part[]): Child {
  // Backticks may enclose what is in several parts: joined first, taken apart again.
  const messages: number[] = [];
  const text = parts.map((part) => (typeof part === "string" ? part : (messages.push(part.msg), "\u0000"))).join("");
  return text.split("\u0000").flatMap((piece, place) => (place === 0 ? [withCode(piece)] : [messageLink(run, store, messages[place - 1] as number), withCode(piece)]));
}

/** A text in which what stands between backticks is code. */
export function withCode(text: string): Child {
  return text.split(/`([^`]*)`/).map((piece, place) => (place % 2 ? h("code", {}, piece) : piece));
}

/** Shows the life-line of a message: the cursor goes to where it begins, and the eye to the life-line. */
export function showMessage(run: Run, store: Store, msg: number) {
  store.set({ msg, t: run.messages.t[msg - 1] || store.get().t });
  const section = document.getElementById("life-line");
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  section?.scrollIntoView({ behavior: still ? "auto" : "smooth", block: "start" });
  section?.querySelector<HTMLElement>("h2")?.focus({ preventScroll: true });
}

/** A section with a heading that can be jumped to. */
export function section(id: string, title: string, about: Child, ...children: Child[]): HTMLElement {
  return h(
    "section",
    { id, "aria-labelledby": `${id}-title` },
    h("h2", { id: `${id}-title`, tabindex: -1 }, title),
    about && h("p", { class: "about" }, about),
    children,
  );
}
