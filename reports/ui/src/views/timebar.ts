import { h, oncePerFrame, refill, s } from "../dom";
import { duration, niceStep, time } from "../format";
import type { Run } from "../model/run";
import type { Store } from "../store";

const HEIGHT = 46;

/** The whole run as a bar that stays in sight: phases, faults, violations, the cursor, and the part that is shown. */
export function timebar(run: Run, store: Store, sections: [string, string][]): HTMLElement {
  const said = h("output", { "aria-live": "off" });
  const still = s("g");
  const moving = s("g");
  const track = s("svg", {
    class: "track",
    role: "slider",
    tabindex: 0,
    "aria-label": "time",
    "aria-valuemin": 0,
    "aria-valuemax": run.end,
    onpointerdown: grab,
    onpointermove: (event: PointerEvent) => event.buttons === 1 && drag(event),
    onkeydown: press,
  }, still, moving);
  const bar = h(
    "div",
    { class: "timebar" },
    h("nav", { "aria-label": "views" }, sections.map(([id, title]) => h("a", { href: `#${id}`, onclick: (event: Event) => jump(event, id) }, title)), said),
    track,
  );

  const width = () => Math.max(track.clientWidth, 100);
  const x = (t: number) => (t / run.end) * width();

  function grab(event: PointerEvent) {
    track.setPointerCapture(event.pointerId);
    drag(event);
  }

  function drag(event: PointerEvent) {
    const share = (event.clientX - track.getBoundingClientRect().left) / width();
    store.set({ t: Math.round(Math.min(Math.max(share, 0), 1) * run.end) });
  }

  function press(event: KeyboardEvent) {
    const step = run.end / (event.shiftKey ? 1000 : 100);
    const { t } = store.get();
    const to = { ArrowLeft: t - step, ArrowDown: t - step, ArrowRight: t + step, ArrowUp: t + step, PageDown: t - 10 * step, PageUp: t + 10 * step, Home: 0, End: run.end }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    store.set({ t: Math.round(Math.min(Math.max(to, 0), run.end)) });
  }

  function drawStill() {
    refill(still, phases(run, x), faults(run, x), violations(run, x));
  }

  function drawMoving() {
    const { t, from, to } = store.get();
    refill(
      moving,
      s("rect", { class: "shown", x: x(from), y: 0.5, width: Math.max(x(to) - x(from), 2), height: HEIGHT - 13 }),
      s("path", { class: "cursor", d: `M${x(t)} 0V${HEIGHT - 12}` }),
    );
    said.textContent = `cursor ${time(t)}`;
    track.setAttribute("aria-valuenow", String(t));
    track.setAttribute("aria-valuetext", time(t, 3));
  }

  const move = oncePerFrame(drawMoving);
  store.watch(move);
  new ResizeObserver(() => {
    drawStill();
    drawMoving();
  }).observe(track);
  return bar;
}

/** Goes to a section without touching the address, which says what is looked at. */
function jump(event: Event, id: string) {
  event.preventDefault();
  const target = document.getElementById(id);
  target?.scrollIntoView({ block: "start" });
  target?.querySelector<HTMLElement>("h2")?.focus({ preventScroll: true });
}

function phases(run: Run, x: (t: number) => number) {
  return run.head.phases.map(({ name, since, until }, place) => {
    const wide = x(until) - x(since);
    return s(
      "g",
      {},
      s("title", {}, `${name}: ${time(since, 3)} to ${time(until, 3)}, ${duration(until - since)}`),
      s("rect", { class: place % 2 ? "phase odd" : "phase", x: x(since), y: 0, width: Math.max(wide, 0), height: 16 }),
      wide > name.length * 7 + 4 && s("text", { class: "name", x: x(since) + 4, y: 12 }, name),
    );
  }).concat(ticks(run, x));
}

function ticks(run: Run, x: (t: number) => number) {
  const step = niceStep(run.end, x(run.end) / 90);
  const out: SVGGElement[] = [];
  for (let t = 0; t <= run.end; t += step) {
    out.push(s("g", {}, s("path", { class: "tick", d: `M${x(t)} 34v4` }), s("text", { class: "tick", x: x(t) + (t === 0 ? 0 : -8), y: HEIGHT }, `${t / 1e9} s`)));
  }
  return out;
}

function faults(run: Run, x: (t: number) => number) {
  return run.head.faults.map((fault) => {
    const [since, until] = [x(fault.since), x(run.faultUntil(fault))];
    return s("rect", { class: "fault", x: since, y: 19, width: Math.max(until - since, 2), height: 12 }, s("title", {}, `${fault.text}: ${time(fault.since, 3)}, ${duration(run.faultUntil(fault) - fault.since)}`));
  });
}

function violations(run: Run, x: (t: number) => number) {
  return run.head.guarantees.filter((one) => one.first).map((one) => {
    const at = Math.min(Math.max(x(one.first?.t ?? 0), 5), x(run.end) - 5);
    return s("path", { class: "violation-mark", d: `M${at - 4} 21l8 8m0-8l-8 8` }, s("title", {}, `${one.name} broke at ${time(one.first?.t ?? 0)}`));
  });
}
