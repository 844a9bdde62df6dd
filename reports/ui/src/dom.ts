export type Child = Node | string | number | null | undefined | false | Child[];

type Listener = (event: never) => void;
type Attributes = Record<string, string | number | boolean | null | undefined | Listener>;

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element. Attributes that begin with `on` are listeners; `true` is an attribute without a value; `false`, `null` and
 * `undefined` are none. Texts become text nodes: whatever is in them, they are never markup.
 */
export function h<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[Tag] {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function s<Tag extends keyof SVGElementTagNameMap>(tag: Tag, attributes: Attributes = {}, ...children: Child[]): SVGElementTagNameMap[Tag] {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill<E extends Element>(element: E, attributes: Attributes, children: Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value as EventListener);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

function append(element: Element, children: Child[]) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(element, child);
    else element.append(child instanceof Node ? child : String(child));
  }
}

/** Puts these in the place of what is in it. */
export function refill(element: Element, ...children: Child[]) {
  element.replaceChildren();
  append(element, children);
}

/** Runs something before the next frame, once, however often it is asked for until then. */
export function oncePerFrame(work: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      work();
    });
  };
}

/** Runs something whenever the colours change, as long as the element is in the page. */
export function onTheme(element: Element, work: () => void) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const changed = () => (element.isConnected ? work() : dark.removeEventListener("change", changed));
  dark.addEventListener("change", changed);
}
