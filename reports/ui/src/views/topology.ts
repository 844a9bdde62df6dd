import { type Child, h, oncePerFrame, refill, s } from "../dom";
import { bytes, count, duration, some, time } from "../format";
import { type Bundle, bundles, type LinkNow, type Now, nowAt } from "../model/links";
import type { Run } from "../model/run";
import type { Store } from "../store";
import { section } from "./parts";

const SMALL = { width: 640, height: 330 };
const LARGE = { width: 800, height: 500 };
const SPACE = 64;
/** More nodes than this are drawn smaller, and the links between two regions as one. */
const MANY = 12;
const NARROW = 32;
/** Nodes stand below the middle of their region: above them it says its name and its clients. */
const LOWER = 12;

interface Place {
  x: number;
  y: number;
}

interface Area extends Place {
  width: number;
  height: number;
}

const STATES = { up: "up", degraded: "degraded", no_route: "no route", cut: "cut", off: "a node is off" };

/** Regions, nodes and links as they are at the cursor. The same run always gives the same picture. */
export function topology(run: Run, store: Store): HTMLElement {
  const many = run.head.lanes.filter((lane) => lane.kind === "node").length > MANY;
  const { width, height } = many ? LARGE : SMALL;
  const { areas, places } = arrange(run, many ? NARROW : SPACE, width, height);
  const picture = s("svg", { class: many ? "map many" : "map", viewBox: `0 0 ${width} ${height}`, role: "img" });
  const list = h("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "links at the cursor" });

  function draw() {
    const { t, lane } = store.get();
    const now = nowAt(run, t);
    picture.setAttribute("aria-label", `Map of regions and nodes at ${time(t, 3)}: ${inWords(now)}`);
    const areaShapes = areas.map((area, region) => areaShape(run, area, region, t));
    refill(
      picture,
      many ? bundles(run, now).map((bundle) => bundleShape(areas, bundle)) : null,
      areaShapes,
      many ? null : [...now.links].sort((a, b) => Number(a.state !== "up") - Number(b.state !== "up")).map((link) => linkShape(places, link)),
      pathLabels(run, areas),
      many ? bundles(run, now).map((bundle) => bundleLabel(areas, bundle)) : null,
      [...places].map(([node, place]) => nodeShape(run, store, now, node, place, node === lane, many)),
    );
    refill(list, h("p", { class: "live" }, `At ${time(t)}: ${inWords(now)}.`), troubles(run, now, t, many));
  }

  const redraw = oncePerFrame(draw);
  store.watch((now, before) => (now.t !== before.t || now.lane !== before.lane) && redraw());
  draw();
  return section("topology", "Map at the cursor", null, picture, list);
}

/** Regions around the middle, the nodes of each around its own: so no link lies on another. */
function arrange(run: Run, space: number, across: number, down: number): { areas: Area[]; places: Map<number, Place> } {
  const places = new Map<number, Place>();
  const regions = run.head.regions.length;
  const areas = run.head.regions.map((_, region) => {
    const nodes = run.head.lanes.flatMap((lane, number) => (lane.kind === "node" && lane.region === region ? [number] : []));
    const radius = nodes.length < 2 ? 0 : Math.max((nodes.length * space) / (2 * Math.PI), space / 2);
    const [width, height] = [Math.max(2 * radius + 76, 136), 2 * radius + 108];
    const angle = Math.PI + (2 * Math.PI * region) / regions + (regions > 2 ? Math.PI / 2 : 0);
    const x = across / 2 + (regions > 1 ? Math.cos(angle) * (across / 2 - width / 2 - 8) : 0);
    const y = down / 2 + (regions > 1 ? Math.sin(angle) * (down / 2 - height / 2 - 4) : 0);
    nodes.forEach((node, place) => {
      // Two nodes stand across the way to the middle; more are turned a little, so that fewer links fall on each other.
      const turn = angle + Math.PI / 2 + (nodes.length > 2 ? 0.3 + 0.2 * region : 0) + (2 * Math.PI * place) / nodes.length;
      places.set(node, { x: x + Math.cos(turn) * radius, y: y + LOWER + Math.sin(turn) * radius });
    });
    return { x, y, width, height };
  });
  return { areas, places };
}

function areaShape(run: Run, area: Area, region: number, t: number): SVGElement {
  const clients = run.head.lanes.flatMap((lane, number) => (lane.kind === "client" && lane.region === region ? [number] : []));
  const connected = clients.filter((client) => run.connections.nodeOf(client, t) > 0).length;
  const sampled = run.head.sampling.kept < run.head.sampling.events;
  const said = sampled ? some(clients.length, "client") : `${connected} of ${some(clients.length, "client")}`;
  return s(
    "g",
    { class: "area" },
    s("rect", { x: area.x - area.width / 2, y: area.y - area.height / 2, width: area.width, height: area.height, rx: 10 }),
    s("text", { x: area.x, y: area.y - area.height / 2 + 17, class: "name" }, run.head.regions[region]?.name ?? ""),
    s("text", { x: area.x, y: area.y - area.height / 2 + 33 }, said),
  );
}

function nodeShape(run: Run, store: Store, now: Now, node: number, place: Place, chosen: boolean, small: boolean): SVGElement {
  const { off = false, stalled = false } = now.nodes.get(node) ?? {};
  const kept = now.buffering.filter((one) => one.lane === node).reduce((sum, one) => sum + one.messages, 0);
  const name = run.laneName(node);
  const short = name.slice(name.lastIndexOf("/") + 1);
  return s(
    "g",
    { class: `node${off ? " off" : ""}${stalled ? " stalled" : ""}${chosen ? " chosen" : ""}`, onclick: () => store.set({ lane: chosen ? 0 : node }) },
    s("title", {}, `${name}${off ? ": off" : stalled ? ": stalled" : ""}`),
    s("circle", { cx: place.x, cy: place.y, r: small ? 11 : 15 }),
    s("text", { x: place.x, y: place.y + 4.5, class: "name" }, off ? "✕" : short),
    kept > 0 && !small && s("text", { x: place.x, y: place.y + 29, class: "kept" }, `keeps ${count(kept)}`),
  );
}

function linkShape(places: Map<number, Place>, link: LinkNow): Child {
  const [a, b] = [places.get(link.a), places.get(link.b)];
  if (!a || !b) return null;
  const [x, y] = [(a.x + b.x) / 2, (a.y + b.y) / 2];
  return s(
    "g",
    { class: `link ${link.state}` },
    s("path", { d: `M${a.x} ${a.y}L${b.x} ${b.y}` }),
    link.state === "cut" && s("path", { class: "cross", d: `M${x - 5} ${y - 5}l10 10m0-10l-10 10` }),
  );
}

/** All links between two regions as one line, from the middle of one to that of the other: the regions hide its ends. */
function bundleShape(areas: Area[], bundle: Bundle): Child {
  const [a, b] = [areas[bundle.a], areas[bundle.b]];
  if (!a || !b || a === b) return null;
  return s("g", { class: `link bundle ${bundle.state}` }, s("path", { d: `M${a.x} ${a.y}L${b.x} ${b.y}` }));
}

function bundleLabel(areas: Area[], { a, b, links, count, state }: Bundle): Child {
  const [one, other] = [areas[a], areas[b]];
  if (!one || !other || one === other || state === "up") return null;
  return s("text", { class: "bundle-label", x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 + 24 }, `${count} of ${links} ${STATES[state]}`);
}

/** How long the ways between regions are: with all there is to say where there are two, else only how long they take. */
function pathLabels(run: Run, areas: Area[]): Child {
  return run.head.paths.map(({ a, b, link }) => {
    const [one, other] = [areas[a], areas[b]];
    if (!one || !other) return null;
    const [x, y] = [(one.x + other.x) / 2, (one.y + other.y) / 2];
    const all = `${link.name}: ${duration(link.latency_ns)}${link.jitter_ns ? ` + up to ${duration(link.jitter_ns)}` : ""}${link.bandwidth ? `, ${bytes(link.bandwidth)}/s` : ""}`;
    const two = areas.length === 2;
    const down = two ? Math.max(one.height, other.height) / 2 + 20 : 4;
    return s("g", { class: "path" }, s("title", {}, all), s("text", { x, y: y + down }, two ? all : duration(link.latency_ns)));
  });
}

function inWords(now: Now): string {
  const states = (["cut", "no_route", "degraded"] as const).map((state) => ({ state, n: now.links.filter((link) => link.state === state).length })).filter(({ n }) => n > 0);
  const off = [...now.nodes.values()].filter((node) => node.off).length;
  const parts = states.map(({ state, n }) => `${some(n, "link")} ${STATES[state]}`);
  if (off > 0) parts.push(`${some(off, "node")} off`);
  if (now.buffering.length > 0) parts.push(`${some(now.buffering.length, "buffer")} in use`);
  return parts.length > 0 ? parts.join(", ") : "no node is off, and no link is down";
}

/** The same as a table: what is not as it should be. */
function troubles(run: Run, now: Now, t: number, many: boolean): Child {
  const region = (place: number) => run.head.regions[place]?.name ?? "?";
  const bundled = () => bundles(run, now).filter((one) => one.state !== "up").map((one) => [one.a === one.b ? `within ${region(one.a)}` : `${region(one.a)} – ${region(one.b)}`, `${one.count} of ${one.links} ${STATES[one.state]}`, duration(t - one.since)]);
  const single = () => now.links.filter((link) => link.state !== "up" && link.state !== "off").map((link) => [`${run.laneName(link.a)} – ${run.laneName(link.b)}`, `${STATES[link.state]}${link.oneWay ? ", one way" : ""}`, duration(t - link.since)]);
  const rows = [
    ...(many ? bundled() : single()),
    ...now.buffering.map((one) => [`${run.laneName(one.lane)} → ${run.laneName(one.peer)}`, `keeps ${count(one.messages)} messages, ${bytes(one.bytes)}`, duration(t - one.since)]),
  ];
  if (rows.length === 0) return null;
  return h(
    "table",
    {},
    h("thead", {}, h("tr", {}, ["Link", "State", "For"].map((one) => h("th", { scope: "col" }, one)))),
    h("tbody", {}, rows.slice(0, 24).map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell))))),
    rows.length > 24 && h("caption", {}, `24 of ${rows.length}`),
  );
}
