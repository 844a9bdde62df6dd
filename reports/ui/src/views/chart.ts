import uPlot from "uplot";
import { h, oncePerFrame, onTheme, refill } from "../dom";
import { faultWindows, type Run } from "../model/run";
import type { Chart } from "../model/series";
import type { Store } from "../store";
import { paint } from "./spacetime/paint";

export interface ChartLooks {
  title: string;
  about: string;
  /** How a value is written. */
  value: (value: number) => string;
  steps?: boolean;
  log?: boolean;
  none: string;
}

/** Colours that people who see few colours can tell apart; lines differ in their dashes, too. */
const COLOURS = ["line-1", "line-2", "line-3", "line-4"];
const DASHES = [[], [6, 3], [2, 2], [10, 3, 2, 3]];
const HEIGHT = 190;
/** Distances between marks: messages and bytes are whole. */
const WHOLE = Array.from({ length: 13 }, (_, power) => [1, 2, 5].map((factor) => factor * 10 ** power)).flat();

/** Marks of a logarithmic scale: powers of ten, and 2 and 5 of them if there are few. */
function logMarks(least: number, most: number): number[] {
  const factors = most / least > 1000 ? [1] : [1, 2, 5];
  const out: number[] = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.log10(most); power++) out.push(...factors.map((factor) => factor * 10 ** power));
  return out.filter((mark) => mark >= least && mark <= most * 1.001);
}

/** From a mark below everything to one above: 1, 2 or 5 times a power of ten. */
function logRange(least: number, most: number): [number, number] {
  const low = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  const high = 10 ** Math.ceil(Math.log10(Math.max(most, least * 1.01, 2)));
  return [([5, 2, 1].find((factor) => factor * low <= least) ?? 1) * low, ([0.2, 0.5, 1].find((factor) => factor * high >= most) ?? 1) * high];
}

/** A chart over time that shares the cursor and the zoom with all other views, with its values at the cursor as a table. */
export function timeChart(run: Run, store: Store, looks: ChartLooks, first: Chart): { element: HTMLElement; show: (chart: Chart) => void } {
  const place = h("div", { class: "plot", "aria-hidden": "true" });
  const values = h("table", { class: "values" });
  const element = h("figure", { class: "chart" }, h("figcaption", {}, h("strong", {}, looks.title), ` ${looks.about}`), place, values);
  const windows = faultWindows(run);
  let chart = first;
  let plot: uPlot | null = null;

  function build() {
    plot?.destroy();
    plot = null;
    if (chart.series.length === 0) {
      refill(place, h("p", { class: "none" }, looks.none));
      refill(values);
      return;
    }
    place.replaceChildren();
    plot = new uPlot(options(), [chart.times, ...chart.series.map((one) => one.values)] as uPlot.AlignedData, place);
    drawValues();
  }

  function options(): uPlot.Options {
    const { from, to } = store.get();
    const colours = paint(place);
    const axis = { stroke: colours.quiet, grid: { stroke: colours.line, width: 1 }, ticks: { stroke: colours.line, width: 1, size: 4 }, font: "11px system-ui, sans-serif" };
    return {
      width: Math.max(place.clientWidth, 200),
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, drag: { x: true, y: false, setScale: false } },
      scales: { x: { time: false, min: from / 1e9, max: to / 1e9 }, y: looks.log ? { distr: 3, range: (_, least, most) => (least === null || most === null ? [1, 10] : logRange(least, most)) } : { range: (_, __, most) => [0, most > 0 ? most * 1.05 : 1] } },
      axes: [
        { ...axis, values: (_, ticks) => ticks.map((t) => `${+t.toFixed(6)} s`), size: 28 },
        { ...axis, values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : looks.value(tick))), size: 68, ...(looks.log ? { splits: (_, __, least, most) => logMarks(least, most) } : { incrs: WHOLE }) },
      ],
      series: [{}, ...chart.series.map((one, line) => lineLooks(one.name, line))],
      hooks: { drawClear: [drawFaults], draw: [drawCursor], setSelect: [select], ready: [listen] },
    };
  }

  function lineLooks(name: string, line: number): uPlot.Series {
    const stroke = getComputedStyle(place).getPropertyValue(`--${COLOURS[line % COLOURS.length]}`).trim();
    return {
      label: name,
      stroke,
      width: 1.5,
      dash: DASHES[(line + Math.floor(line / COLOURS.length)) % DASHES.length] as number[],
      // A value alone between gaps is a dot, or it would not be seen.
      points: looks.log ? { size: 4 } : { show: false },
      ...(looks.steps ? { paths: uPlot.paths.stepped?.({ align: 1 }) as uPlot.Series.PathBuilder } : {}),
    };
  }

  function drawFaults(self: uPlot) {
    const { ctx, bbox } = self;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.fillStyle = paint(place).faultHatch;
    for (const { since, until } of windows) {
      const left = self.valToPos(since / 1e9, "x", true);
      const right = self.valToPos(until / 1e9, "x", true);
      ctx.fillRect(left, bbox.top, Math.max(right - left, 1), bbox.height);
    }
    ctx.restore();
  }

  function drawCursor(self: uPlot) {
    const x = self.valToPos(store.get().t / 1e9, "x", true);
    const { ctx, bbox } = self;
    if (x < bbox.left || x > bbox.left + bbox.width) return;
    ctx.save();
    ctx.strokeStyle = paint(place).accent;
    ctx.setLineDash([]);
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.restore();
  }

  function select(self: uPlot) {
    const { left, width } = self.select;
    if (width < 5) return;
    const from = Math.max(Math.round(self.posToVal(left, "x") * 1e9), 0);
    const to = Math.min(Math.round(self.posToVal(left + width, "x") * 1e9), run.end);
    if (to > from) store.set({ from, to });
    self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  }

  function listen(self: uPlot) {
    self.over.addEventListener("click", () => {
      const t = self.posToVal(self.cursor.left ?? 0, "x") * 1e9;
      if (self.select.width < 5) store.set({ t: Math.round(Math.min(Math.max(t, 0), run.end)) });
    });
  }

  /** The legend, and the same in numbers. */
  function drawValues() {
    const t = store.get().t / 1e9;
    let at = 0;
    while (at + 1 < chart.times.length && Math.abs((chart.times[at + 1] as number) - t) <= Math.abs((chart.times[at] as number) - t)) at++;
    if (looks.steps) while (at > 0 && (chart.times[at] as number) > t) at--;
    refill(
      values,
      h("caption", { class: "hidden" }, `${looks.title}, at the cursor`),
      h("tbody", {}, chart.series.map((one, line) => {
        const value = one.values[at];
        return h("tr", {}, h("th", { scope: "row" }, h("span", { class: `swatch ${COLOURS[line % COLOURS.length]} dash-${(line + Math.floor(line / COLOURS.length)) % DASHES.length}` }), one.name), h("td", { class: "number" }, value === null || value === undefined ? "–" : looks.value(value)));
      })),
    );
  }

  const follow = oncePerFrame(() => {
    plot?.redraw(false, false);
    drawValues();
  });
  const zoom = oncePerFrame(() => plot?.setScale("x", { min: store.get().from / 1e9, max: store.get().to / 1e9 }));
  store.watch((now, before) => {
    if (now.from !== before.from || now.to !== before.to) zoom();
    if (now.t !== before.t) follow();
  });
  onTheme(place, build);
  let width = 0;
  new ResizeObserver(() => {
    if (place.clientWidth === width) return;
    width = place.clientWidth;
    if (plot) plot.setSize({ width, height: HEIGHT });
    else build();
  }).observe(place);
  return {
    element,
    show: (next) => {
      chart = next;
      build();
    },
  };
}
