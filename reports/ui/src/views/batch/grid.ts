import { h, oncePerFrame, onTheme, refill } from "../../dom";
import { count, duration } from "../../format";
import { type Batch, hasBit, letters } from "../../model/batch";
import { command } from "../copy";
import { section } from "../parts";
import { paint } from "../spacetime/paint";
import { badge, tone, words } from "../status";
import { pieceTitle } from "../tabs";

const GAP = 2;

/** Every seed as a field. Shape and letter say what its colour says. */
export function seedGrid(batch: Batch, names: string[], choose: (name: string) => void): HTMLElement {
  const total = batch.seeds.rows;
  const size = total <= 400 ? 24 : total <= 2500 ? 14 : total <= 20000 ? 8 : 5;
  const canvas = h("canvas", { "aria-hidden": "true" });
  const about = h("div", { class: "about-seed", "aria-live": "polite" });
  const stage = h("div", { class: "seeds", tabindex: 0, role: "group", "aria-label": `${count(total)} seeds; arrow keys go from one to the next, F to the next that failed`, onkeydown: press, onclick: click }, canvas);
  let columns = 1;
  const failed = batch.seeds.signature.findIndex((signature) => signature > 0);
  let chosen = Math.max(failed, 0);
  let wanted: (row: number) => boolean = () => true;

  function draw() {
    const width = stage.clientWidth;
    if (width === 0) return;
    columns = Math.max(Math.floor(width / size), 1);
    const height = Math.ceil(total / columns) * size;
    const ratio = devicePixelRatio || 1;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");
    if (!context) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const style = getComputedStyle(stage);
    const colours = paint(stage);
    for (let row = 0; row < total; row++) {
      const [x, y] = [(row % columns) * size, Math.floor(row / columns) * size];
      const kind = tone(batch.state(row));
      context.globalAlpha = wanted(row) ? 1 : 0.18;
      drawSeed(context, x, y, size - GAP, kind, style.getPropertyValue(`--${kind}`).trim(), style.getPropertyValue(`--${kind}-ground`).trim(), batch.seeds.signature[row] as number);
      context.globalAlpha = 1;
      if (row === chosen) {
        context.strokeStyle = colours.accent;
        context.lineWidth = 2;
        context.strokeRect(x, y, size - GAP, size - GAP);
      }
    }
  }

  function tell() {
    const { seeds, head } = batch;
    if (total === 0) return;
    const seed = seeds.seed[chosen] as number;
    const signature = seeds.signature[chosen] as number;
    const runs = [`run-${seed}`, `minimal-${seed}`].filter((name) => names.includes(name));
    const families = batch.families(chosen);
    const replay = batch.replay(seed);
    refill(
      about,
      h("p", {}, h("strong", {}, `Seed ${seed} `), badge(batch.state(chosen)), signature > 0 && ` ${letters(signature - 1)}: ${head.signatures[signature - 1]?.words ?? ""}`),
      h("p", { class: "quiet" }, `${families.length > 0 ? `faults: ${families.join(", ")}` : "no faults"}; ${duration(seeds.sim_ns[chosen] as number)} simulated, ${count(seeds.broker_events[chosen] as number)} broker events; trace hash ${batch.hash(chosen)}`),
      runs.length > 0 && h("div", { class: "tools" }, runs.map((name) => h("button", { type: "button", onclick: () => choose(name) }, `Show ${pieceTitle(name).toLowerCase()}`))),
      replay && command("Copy replay", replay),
    );
  }

  function select(row: number) {
    chosen = Math.min(Math.max(row, 0), total - 1);
    draw();
    tell();
  }

  function press(event: KeyboardEvent) {
    const next = batch.seeds.signature.findIndex((signature, row) => row > chosen && signature > 0);
    const to = { ArrowLeft: chosen - 1, ArrowRight: chosen + 1, ArrowUp: chosen - columns, ArrowDown: chosen + columns, Home: 0, End: total - 1, f: next < 0 ? failed : next }[event.key];
    if (to === undefined || to < 0) return;
    event.preventDefault();
    select(to);
  }

  function click(event: MouseEvent) {
    const box = stage.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / size);
    const row = Math.floor((event.clientY - box.top) / size) * columns + column;
    if (column < columns && row < total) select(row);
  }

  const filters: { name: string; wanted: (row: number) => boolean }[] = [
    { name: "all", wanted: () => true },
    ...batch.head.families.map((name, bit) => ({ name: `with ${name}`, wanted: (row: number) => hasBit(batch.seeds.families[row] as number, bit) })),
    ...batch.head.goals.slice(0, 53).map(({ goal }, bit) => ({ name: `that reached ${goal}`, wanted: (row: number) => hasBit(batch.seeds.goals[row] as number, bit) })),
  ].filter((one) => one.name === "all" || batch.seeds.seed.some((_, row) => one.wanted(row)));
  const filter = h("select", { id: "seeds-of", onchange: () => {
    wanted = filters[filter.selectedIndex]?.wanted ?? (() => true);
    draw();
  } }, filters.map((one) => h("option", {}, one.name)));
  const redraw = oncePerFrame(draw);
  onTheme(stage, redraw);
  new ResizeObserver(redraw).observe(stage);
  tell();
  return section("seeds", "Seeds", null, h("div", { class: "tools" }, h("label", { for: "seeds-of" }, "Seeds"), filter, tally(batch)), stage, about, failures(batch));
}

function drawSeed(context: CanvasRenderingContext2D, x: number, y: number, size: number, kind: string, colour: string, ground: string, signature: number) {
  context.fillStyle = kind === "bad" ? colour : ground;
  context.fillRect(x, y, size, size);
  context.strokeStyle = colour;
  context.lineWidth = 1;
  if (kind !== "bad") context.strokeRect(x + 0.5, y + 0.5, size - 1, size - 1);
  if (kind === "unsure") context.fillRect(x + size / 4, y + size / 2 - 1, size / 2, 2);
  context.fillStyle = kind === "bad" ? ground : colour;
  if (size < 10) return;
  context.font = `600 ${Math.round(size * 0.6)}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  const text = kind === "bad" ? (signature > 0 ? letters(signature - 1) : "✕") : kind === "unsure" ? "–" : "";
  context.fillText(text, x + size / 2, y + size / 2 + 1);
}

function tally(batch: Batch): HTMLElement {
  const counts = new Map<string, number>();
  for (let row = 0; row < batch.seeds.rows; row++) counts.set(batch.state(row), (counts.get(batch.state(row)) ?? 0) + 1);
  return h("span", { class: "shown-part" }, [...counts].map(([state, n]) => `${count(n)} ${words(state)}`).join(", "));
}

/** The same as a table: seeds that did not hold. */
function failures(batch: Batch): HTMLElement {
  const rows = [...batch.seeds.seed.keys()].filter((row) => batch.state(row) !== "held");
  const shown = rows.slice(0, 200);
  return h(
    "details",
    {},
    h("summary", {}, `Seeds that did not hold, as a table (${count(rows.length)})`),
    h(
      "div",
      { class: "wide", tabindex: 0, role: "region", "aria-label": "seeds that did not hold" },
      h(
        "table",
        {},
        rows.length > shown.length && h("caption", {}, `The first ${shown.length}`),
        h("thead", {}, h("tr", {}, ["Seed", "State", "Kind of failure", "Faults"].map((one) => h("th", { scope: "col" }, one)))),
        h("tbody", {}, shown.map((row) => {
          const signature = batch.seeds.signature[row] as number;
          return h("tr", {}, h("th", { scope: "row" }, String(batch.seeds.seed[row])), h("td", {}, badge(batch.state(row))), h("td", {}, signature > 0 ? `${letters(signature - 1)}: ${batch.head.signatures[signature - 1]?.words ?? ""}` : ""), h("td", {}, batch.families(row).join(", ")));
        })),
      ),
    ),
  );
}
