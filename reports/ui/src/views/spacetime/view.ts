import { h, oncePerFrame, onTheme, refill } from "../../dom";
import { count, duration, time } from "../../format";
import type { Run } from "../../model/run";
import { firstFrom } from "../../model/search";
import { lifeLine } from "../../model/lifeline";
import { crossingParts, eventParts, plain } from "../../model/words";
import type { Store } from "../../store";
import { section } from "../parts";
import { drawChosen } from "./chosen";
import { visible } from "./detail";
import { drawPicture, line, type Picture, topHeight } from "./draw";
import { laneLabels } from "./labels";
import { legend } from "./legend";
import { paint } from "./paint";
import { type Picked, pick } from "./pick";
import { layOut, MANY_CLIENTS } from "./rows";
import { around, panned, tOf, xOf, zoomed } from "./scale";
import { eventTable } from "./table";

/** Nodes and clients below each other, time from left to right, messages between them as slanted lines. */
export function spaceTime(run: Run, store: Store): HTMLElement {
  const base = h("canvas", { "aria-hidden": "true" });
  const over = h("canvas", { class: "over", "aria-hidden": "true" });
  const tip = h("div", { class: "tip", hidden: true });
  const live = h("p", { class: "live", "aria-live": "polite" });
  const said = h("span", { class: "shown-part" });
  const labels = laneLabels(run, store);
  const stage = h(
    "div",
    {
      class: "stage",
      tabindex: 0,
      role: "group",
      "aria-label": "Space-time diagram. Left and right go to the event before and after, Enter shows the message's life-line, plus and minus zoom, Shift with left and right moves, 0 shows the whole run.",
      onkeydown: press,
      onpointerdown: (event: PointerEvent) => (grabbed = { x: event.clientX, from: store.get().from, to: store.get().to, moved: false }),
      onpointermove: hover,
      onpointerup: release,
      onpointerleave: () => (tip.hidden = true),
      onwheel: wheel,
      ondblclick: (event: MouseEvent) => zoom(0.25, tOf(picture.scale, place(event).x)),
    },
    base,
    over,
    tip,
  );
  let clients = run.head.lanes.filter((one) => one.kind === "client").length <= MANY_CLIENTS;
  let rows = layOut(run, topHeight(run), clients);
  let picture: Picture = { run, rows, paint: paint(document.body), scale: { from: 0, to: 1, width: 1 }, visible: visible(run, 0, 0, () => false), context: base.getContext("2d") as CanvasRenderingContext2D };
  let grabbed: { x: number; from: number; to: number; moved: boolean } | null = null;
  let row = 0;

  const table = eventTable(run, store, () => picture.visible);

  function draw() {
    const { from, to, msg } = store.get();
    const width = stage.clientWidth;
    if (width === 0) return;
    for (const canvas of [base, over]) resize(canvas, width, rows.height);
    stage.style.height = `${rows.height}px`;
    const shown = (lane: number) => (rows.y[run.owner(lane)] ?? -1) >= 0;
    picture = { ...picture, rows, paint: paint(stage), scale: { from, to, width }, visible: visible(run, from, to, shown) };
    drawPicture(picture);
    if (msg) drawChosen(picture, msg);
    const things = `${count(picture.visible.events.length)} events, ${count(picture.visible.crossings.length)} on the way between nodes`;
    said.textContent = `${time(from, 3)} to ${time(to, 3)}, ${duration(to - from)}: ${things}${picture.visible.exact ? "" : "; too many to draw one by one, so their density: zoom in"}`;
    table.draw();
    drawOver();
  }

  function drawOver() {
    const context = over.getContext("2d");
    if (!context) return;
    context.clearRect(0, 0, picture.scale.width, rows.height);
    const { t, lane } = store.get();
    const y = rows.y[run.owner(lane)] ?? -1;
    if (lane && y >= 0) {
      context.fillStyle = picture.paint.accent;
      context.globalAlpha = 0.12;
      context.fillRect(0, y - 9, picture.scale.width, 18);
      context.globalAlpha = 1;
    }
    context.strokeStyle = picture.paint.accent;
    context.lineWidth = 1.5;
    const x = xOf(picture.scale, t);
    line(context, x, 0, x, rows.height);
  }

  const place = (event: MouseEvent) => {
    const box = stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  function hover(event: PointerEvent) {
    const { x, y } = place(event);
    if (grabbed && event.buttons === 1) {
      const moved = grabbed.x - event.clientX;
      if (!grabbed.moved && Math.abs(moved) < 5) return;
      grabbed.moved = true;
      stage.setPointerCapture(event.pointerId);
      store.set(panned(grabbed.from, grabbed.to, moved / picture.scale.width, run.end));
      return;
    }
    const picked = pick(picture, x, y);
    tip.hidden = !picked;
    if (!picked) return;
    refill(tip, h("b", {}, time(timeOf(picked), 9)), h("br"), words(picked));
    tip.style.left = `${Math.min(x + 12, Math.max(picture.scale.width - 330, 0))}px`;
    tip.style.top = `${y + 14}px`;
  }

  function release(event: PointerEvent) {
    const moved = grabbed?.moved;
    grabbed = null;
    if (moved) return;
    const { x, y } = place(event);
    const picked = pick(picture, x, y);
    if (!picked) return store.set({ t: Math.round(tOf(picture.scale, x)) });
    const msg = run[picked.table].msg[picked.row] as number;
    store.set({ t: timeOf(picked), ...(msg ? { msg } : {}) });
  }

  const timeOf = ({ table, row }: Picked) => run[table].t[row] as number;
  const words = ({ table, row }: Picked) => plain(run, table === "events" ? eventParts(run, row) : crossingParts(run, row));

  /** The wheel scrolls the page, as anywhere; with Ctrl, or pinched, it zooms. */
  function wheel(event: WheelEvent) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoom(2 ** (event.deltaY / 200), tOf(picture.scale, place(event).x));
  }

  function zoom(factor: number, point?: number) {
    const { from, to, t } = store.get();
    const middle = point ?? (t >= from && t <= to ? t : (from + to) / 2);
    store.set(zoomed(from, to, factor, middle, run.end));
  }

  function press(event: KeyboardEvent) {
    const { from, to } = store.get();
    const moves: Record<string, () => void> = {
      ArrowLeft: () => (event.shiftKey ? store.set(panned(from, to, -0.2, run.end)) : step(-1)),
      ArrowRight: () => (event.shiftKey ? store.set(panned(from, to, 0.2, run.end)) : step(1)),
      "+": () => zoom(0.5),
      "=": () => zoom(0.5),
      "-": () => zoom(2),
      "0": whole,
      Enter: () => {
        const msg = run.events.msg[row] as number;
        if (msg) store.set({ msg });
      },
    };
    const move = moves[event.key];
    if (!move || event.altKey || event.metaKey || event.target !== stage) return;
    event.preventDefault();
    move();
  }

  /** To the event before or after the cursor, of the chosen lane if one is chosen. */
  function step(by: number) {
    const { t, lane, from, to } = store.get();
    const { events } = run;
    if (events.t[row] !== t) row = by > 0 ? firstFrom(events.t, t) - 1 : firstFrom(events.t, t);
    let next = row + by;
    while (lane && next >= 0 && next < events.rows && events.lane[next] !== lane && events.peer[next] !== lane) next += by;
    if (next < 0 || next >= events.rows) return;
    row = next;
    const at = events.t[row] as number;
    store.set({ t: at, ...(at < from || at > to ? panned(from, to, (at - (from + to) / 2) / (to - from), run.end) : {}) });
    live.textContent = `${time(at, 9)}: ${words({ table: "events", row })}`;
  }

  const whole = () => store.set({ from: 0, to: run.end });

  function toMessage() {
    const steps = lifeLine(run, store.get().msg);
    const first = steps[0];
    if (first) store.set({ t: first.t, ...around(first.t, steps.at(-1)?.t ?? first.t, run.end) });
  }

  const messageButton = h("button", { type: "button", onclick: toMessage, disabled: store.get().msg === 0 }, "To the message");
  const clientBox = h("input", { type: "checkbox", checked: clients, onchange: () => {
    clients = clientBox.checked;
    rows = layOut(run, topHeight(run), clients);
    labels.draw(rows);
    draw();
  } });
  const redraw = oncePerFrame(draw);
  const redrawOver = oncePerFrame(drawOver);
  store.watch((now, before) => {
    if (now.from !== before.from || now.to !== before.to || now.msg !== before.msg) redraw();
    else redrawOver();
    messageButton.disabled = now.msg === 0;
  });
  onTheme(stage, redraw);
  new ResizeObserver(redraw).observe(stage);
  labels.draw(rows);

  return section(
    "space-time",
    "Space-time diagram",
    "Each line is a node or a client; time goes to the right. Click sets the cursor, or follows the message that is there; drag moves; Ctrl and the wheel zoom.",
    h(
      "div",
      { class: "tools" },
      h("button", { type: "button", onclick: () => zoom(0.25) }, "Zoom in"),
      h("button", { type: "button", onclick: () => zoom(4) }, "Zoom out"),
      h("button", { type: "button", onclick: whole }, "Whole run"),
      h("button", { type: "button", onclick: () => store.set(around(store.get().t - 40e6, store.get().t + 40e6, run.end)) }, "100 ms at the cursor"),
      messageButton,
      h("label", {}, clientBox, "clients"),
      said,
    ),
    h("div", { class: "space-time" }, labels.list, stage),
    legend(),
    live,
    table.element,
  );
}

/** As sharp as the screen is. */
function resize(canvas: HTMLCanvasElement, width: number, height: number) {
  const ratio = devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  canvas.getContext("2d")?.setTransform(ratio, 0, 0, ratio, 0, 0);
}
