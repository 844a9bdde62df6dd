import { type Child, h, oncePerFrame, refill } from "../dom";
import { count, time, visible } from "../format";
import type { Run } from "../model/run";
import { firstFrom } from "../model/search";
import { crossingParts, eventParts, type Part, plain } from "../model/words";
import type { Store } from "../store";
import { section, sentence, timeLink } from "./parts";

const BEFORE = 12;
const AFTER = 16;

interface Line {
  t: number;
  parts: Part[];
}

/** What happened just before the cursor, and what came next: nodes' logs and all other events. */
export function log(run: Run, store: Store): HTMLElement {
  const body = h("tbody");
  const left = new Set<string>();
  const groups = [...new Set(run.head.kinds.map((kind) => kind.group))].filter((group) => run.head.kinds.some((kind) => kind.group === group));
  const search = h("input", { type: "search", id: "log-text", oninput: () => redraw() });
  const lanes = h("select", { id: "log-lane", onchange: () => store.set({ lane: Number(lanes.value) }) }, run.head.lanes.map((lane, place) => h("option", { value: place }, place === 0 ? "everybody" : visible(lane.name))));
  const present = groups.filter((group) => run.events.kind.some((kind) => run.head.kinds[kind]?.group === group));
  const boxes = [...present, "between nodes"].map((group) => {
    const box = h("input", { type: "checkbox", checked: true, onchange: () => {
      if (box.checked) left.delete(group);
      else left.add(group);
      redraw();
    } });
    return h("label", {}, box, group);
  });

  const wantedEvent = (row: number): Line | null => {
    const { events } = run;
    const { lane } = store.get();
    if (left.has(run.kind(row).group) || (lane && events.lane[row] !== lane && events.peer[row] !== lane)) return null;
    return withText({ t: events.t[row] as number, parts: eventParts(run, row) });
  };

  const wantedCrossing = (row: number): Line | null => {
    const { crossings } = run;
    const { lane } = store.get();
    if (left.has("between nodes") || (lane && crossings.from[row] !== lane && crossings.to[row] !== lane)) return null;
    return withText({ t: crossings.t[row] as number, parts: crossingParts(run, row) });
  };

  const withText = (line: Line): Line | null => (!search.value || plain(run, line.parts).toLowerCase().includes(search.value.toLowerCase()) ? line : null);

  function draw() {
    const { t, lane } = store.get();
    lanes.value = String(lane);
    const before = merge(collect(run.events.t, t, -1, BEFORE, wantedEvent), collect(run.crossings.t, t, -1, BEFORE, wantedCrossing)).slice(-BEFORE);
    const after = merge(collect(run.events.t, t, 1, AFTER, wantedEvent), collect(run.crossings.t, t, 1, AFTER, wantedCrossing)).slice(0, AFTER);
    refill(
      body,
      before.map((line) => row(run, store, line, "before")),
      h("tr", { class: "cursor-row" }, h("td", { colspan: 2 }, `cursor: ${time(t, 9)}`)),
      after.map((line) => row(run, store, line, line.t === t ? "now" : "")),
      before.length + after.length === 0 && h("tr", {}, h("td", { colspan: 2 }, "Nothing here is wanted by these choices.")),
    );
  }

  const box = h("div", { class: "wide log", tabindex: 0, role: "region", "aria-label": "log at the cursor" }, h("table", {}, h("thead", { class: "hidden" }, h("tr", {}, h("th", { scope: "col" }, "Time"), h("th", { scope: "col" }, "What"))), body));

  /** What is at the cursor stays in the middle of the box. */
  function centre() {
    const line = body.querySelector<HTMLElement>(".cursor-row");
    if (line) box.scrollTop = line.offsetTop - box.clientHeight / 2;
  }

  const redraw = oncePerFrame(() => {
    draw();
    centre();
  });
  new ResizeObserver(centre).observe(box);
  store.watch((now, before) => (now.t !== before.t || now.lane !== before.lane) && redraw());
  draw();
  return section(
    "log",
    "Log at the cursor",
    null,
    h("div", { class: "tools" }, h("label", { for: "log-lane" }, "of"), lanes, h("label", { for: "log-text" }, "with the words"), search),
    h("div", { class: "tools groups", role: "group", "aria-label": "sorts of events" }, boxes),
    box,
    snapshots(run, store),
  );
}

/** The nearest lines before a point of time, or from it on. */
function collect(times: Float64Array, t: number, by: 1 | -1, most: number, wanted: (row: number) => Line | null): Line[] {
  const out: Line[] = [];
  const start = firstFrom(times, t);
  for (let row = by > 0 ? start : start - 1; row >= 0 && row < times.length && out.length < most; row += by) {
    const line = wanted(row);
    if (line) out.push(line);
  }
  return by > 0 ? out : out.reverse();
}

const merge = (a: Line[], b: Line[]) => [...a, ...b].sort((one, other) => one.t - other.t);

function row(run: Run, store: Store, line: Line, name: string): HTMLElement {
  return h("tr", { class: name }, h("td", {}, timeLink(store, line.t, time(line.t, 9))), h("td", {}, sentence(run, store, line.parts)));
}

/** What nodes said of themselves when everything had settled. */
function snapshots(run: Run, store: Store): Child {
  const all = run.head.snapshots;
  if (all.length === 0) return null;
  const names = [...new Set(all.flatMap((one) => Object.keys(one.counters)))].sort();
  return h(
    "details",
    {},
    h("summary", {}, "What nodes said of themselves at the end of quiesce and of drain"),
    h(
      "div",
      { class: "wide", tabindex: 0, role: "region", "aria-label": "snapshots of nodes" },
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Of"), all.map((one) => h("th", { scope: "col" }, run.laneName(one.lane), h("br"), one.phase, " ", timeLink(store, one.t, time(one.t, 1)))))),
        h(
          "tbody",
          {},
          ["routes", "interest", "clients"].map((name) => counterRow(name, all.map((one) => one[name as "routes" | "interest" | "clients"]))),
          names.filter((name) => name !== "routes" && name !== "interest").map((name) => counterRow(name.replaceAll("_", " "), all.map((one) => one.counters[name]))),
        ),
      ),
    ),
  );
}

function counterRow(name: string, values: (number | undefined)[]): HTMLElement {
  return h("tr", {}, h("th", { scope: "row" }, name), values.map((value) => h("td", { class: "number" }, value === undefined ? "–" : count(value))));
}
