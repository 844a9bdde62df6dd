import { h, s } from "../../dom";

/** What the shapes mean. */
export function legend(): HTMLElement {
  const one = (words: string, ...shapes: SVGElement[]) => h("li", {}, s("svg", { viewBox: "0 0 22 14", "aria-hidden": "true" }, ...shapes), words);
  const path = (d: string, cls: string) => s("path", { d, class: cls });
  return h(
    "ul",
    { class: "legend", "aria-label": "what the shapes mean" },
    one("published", s("circle", { cx: 11, cy: 7, r: 4, class: "fill-message" })),
    one("between nodes", path("M2 2 18 12m-6 0h6v-5", "stroke-message")),
    one("interest", path("M2 2 20 12", "stroke-interest")),
    one("delivered", path("M6 11h10l-5-8z", "fill-delivery")),
    one("lost", path("M6 3 16 12M16 3 6 12", "stroke-bad")),
    one("kept in a buffer", path("M2 5h18v5H2z", "fill-kept")),
    one("a route is missing", path("M2 6h4v2H2zM9 6h4v2H9zM16 6h4v2h-4z", "fill-bad")),
    one("fault", path("M2 1h18v12H2zM4 12 12 2M10 12 18 2", "stroke-unsure")),
    one("chosen message", path("M2 2 20 12", "stroke-accent")),
  );
}
