import { h, refill } from "../../dom";
import type { Run } from "../../model/run";
import type { Store } from "../../store";
import type { Rows } from "./rows";

/** Names of lanes beside the picture: one of them can be chosen. Arrow keys go from one to the next. */
export function laneLabels(run: Run, store: Store) {
  const list = h("div", { class: "lanes", role: "listbox", "aria-label": "lanes: arrow keys move, Enter chooses", onkeydown: press });
  let current = 0;

  function draw(rows: Rows) {
    list.style.height = `${rows.height}px`;
    const options = rows.rows.map((row, place) => {
      const { name, kind, role } = run.lane(row.lane);
      const option = h("div", {
        class: row.node ? "lane node" : "lane",
        role: "option",
        "data-lane": row.lane,
        tabindex: place === current ? 0 : -1,
        title: kind === "node" ? `${name}: a node` : `${name}: a client, ${role ?? ""}`,
        onclick: () => choose(row.lane),
      }, name);
      option.style.top = `${row.y}px`;
      return option;
    });
    const bands = rows.bands.map((band) => {
      const label = h("div", { class: "region", "aria-hidden": "true" }, band.name);
      label.style.top = `${band.y + 1}px`;
      return label;
    });
    refill(list, bands, options);
    mark();
  }

  function choose(lane: number) {
    store.set({ lane: store.get().lane === lane ? 0 : lane });
  }

  function mark() {
    for (const option of options()) option.setAttribute("aria-selected", String(Number(option.dataset["lane"]) === store.get().lane));
  }

  const options = () => [...list.querySelectorAll<HTMLElement>("[role=option]")];

  function press(event: KeyboardEvent) {
    const all = options();
    const to = { ArrowDown: current + 1, ArrowUp: current - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to !== undefined) {
      all[current]?.setAttribute("tabindex", "-1");
      current = Math.min(Math.max(to, 0), all.length - 1);
      all[current]?.setAttribute("tabindex", "0");
      all[current]?.focus();
    } else if (event.key === "Enter" || event.key === " ") {
      choose(Number(all[current]?.dataset["lane"]));
    } else {
      return;
    }
    event.preventDefault();
  }

  store.watch((now, before) => now.lane !== before.lane && mark());
  return { list, draw };
}
