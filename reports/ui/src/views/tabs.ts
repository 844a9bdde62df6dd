import { h } from "../dom";

/** The pieces of a report to choose from. */
export function pieceTabs(names: string[], now: string, choose: (name: string) => void): HTMLElement {
  return h(
    "nav",
    { class: "pieces", "aria-label": "parts of this report" },
    names.map((name) => h("button", { type: "button", "aria-current": name === now ? "true" : null, onclick: () => choose(name) }, pieceTitle(name))),
  );
}

export function pieceTitle(name: string): string {
  if (name === "batch") return "All seeds";
  return name.replace(/^run-/, "Seed ").replace(/^minimal-(\d+)/, "Seed $1, minimised");
}
