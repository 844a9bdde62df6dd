import { h } from "../dom";

/** A command with a button that copies it. */
export function command(label: string, text: string): HTMLElement {
  const said = h("span", { class: "copied", role: "status" });
  const code = h("code", { tabindex: 0, "aria-label": `command: ${label}` }, text);
  const button = h("button", { type: "button", class: "copy", onclick: copy }, label);
  async function copy() {
    const ok = await toClipboard(text, code);
    said.textContent = ok ? "copied" : "marked: press Ctrl+C";
    setTimeout(() => (said.textContent = ""), 3000);
  }
  return h("div", { class: "command" }, button, code, said);
}

/** Copies a text; where the browser does not allow it, as on pages from a disk, marks it. */
async function toClipboard(text: string, shown: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const range = document.createRange();
    range.selectNodeContents(shown);
    const selection = getSelection();
    selection?.removeAllRanges();
    selection?.addRange(range);
    return document.execCommand("copy");
  }
}
