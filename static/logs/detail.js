// What stands below the log for the chosen line: all of its text, its fields, and where it can be found again.
import { timeOf } from "./screen.js";
const PAIR = /([A-Za-z_@][\w.@/-]*)=("(?:[^"\\]|\\.)*"|[^\s"]*)/g;
const MOST = 200;

export function fieldsOf(text) {
  if (text.startsWith("{")) {
    try { const found = JSON.parse(text); if (found && typeof found === "object" && !Array.isArray(found)) return flat(found); } catch (error) { /* not JSON after all */ }
  }
  return Array.from(text.matchAll(PAIR), ([, name, value]) => [name, value.startsWith('"') ? unquoted(value) : value]).slice(0, MOST);
}
function unquoted(value) { try { return JSON.parse(value); } catch (error) { return value.slice(1, -1); } }
function flat(object, before = "", found = []) {
  for (const [name, value] of Object.entries(object)) {
    if (found.length >= MOST) break;
    if (value && typeof value === "object" && !Array.isArray(value)) flat(value, before + name + ".", found);
    else found.push([before + name, typeof value === "string" ? value : JSON.stringify(value)]);
  }
  return found;
}

export function show(box, line, t, on) {
  box.textContent = "";
  box.hidden = !line;
  if (!line) return;
  const add = (parent, tag, css, text) => { const el = document.createElement(tag); if (css) el.className = css; if (text !== undefined) el.textContent = text; parent.append(el); return el; };
  const button = (parent, text, act, css = "btn btn-sm") => { const b = add(parent, "button", css, text); b.type = "button"; b.addEventListener("click", act); return b; };
  const head = add(box, "div", "xq-logs-detail-head");
  add(head, "b", "", "#" + line.n + " ");
  const when = add(head, "time", "mono", timeOf(line.s)); when.dateTime = line.s; when.title = line.s;
  const acts = add(head, "span", "xq-toolbar-right");
  const link = add(acts, "a", "btn btn-sm", t("aroundLink")); link.href = on.link(line);
  button(acts, t("link"), () => on.copy(new URL(on.link(line), location.href).href));
  button(acts, t("copy"), () => on.copy(line.t));
  button(acts, t("close"), on.close);
  add(box, "pre", "xq-logs-whole", line.t);
  if (line.cut) add(box, "p", "text-secondary small", t("cut").replace("%s", line.cut.toLocaleString()));
  const fields = line.c === 2 ? [] : fieldsOf(line.t);
  if (!fields.length) return;
  const table = add(add(box, "div", "xq-logs-table"), "table", "table table-sm");
  const titles = add(add(table, "thead"), "tr");
  [t("field"), t("value"), ""].forEach((text) => add(titles, "th", "", text));
  const body = add(table, "tbody");
  for (const [name, value] of fields) {
    const row = add(body, "tr");
    add(row, "td", "mono", name);
    add(row, "td", "mono", value);
    const cell = add(row, "td", "nowrap text-end");
    if (String(value).length > 500) continue;
    button(cell, t("only"), () => on.field(name + "=" + value), "btn btn-sm btn-ghost-secondary");
    button(cell, t("without"), () => on.field(name + "!=" + value), "btn btn-sm btn-ghost-secondary");
  }
}
