// Markdown as people use it in notes, built element by element: text stays text, whatever it holds.
//
// Known are headings, lists with boxes, quotes, rules, code, bold, italics, struck text and links to the web or to a
// mail address. Everything else is shown as it was written.

import { h } from "./dom.js";

const INLINE = [
  [/`([^`]+)`/, ([, code]) => h("code", {}, code)],
  [/\[([^\]]+)\]\(([^()\s]+)\)/, ([whole, text, target]) => link(target, inline(text), whole)],
  [/\*\*(\S(?:.*?\S)?)\*\*/, ([, text]) => h("strong", {}, inline(text))],
  [/~~(\S(?:.*?\S)?)~~/, ([, text]) => h("s", {}, inline(text))],
  [/(?<![\w*])[*_](\S(?:.*?\S)?)[*_](?![\w*])/, ([, text]) => h("em", {}, inline(text))],
  [/https?:\/\/[^\s<>"]*[^\s<>".,;:!?)]/, ([address]) => link(address, [address], address)],
];
const ITEM = /^(\s*)(?:[-*+]|(\d{1,9})[.)])\s+(?:\[([ xX])\]\s+)?(.*)$/;
const MOST_DEPTH = 20;

/** The elements of a text. */
export function markdown(text, depth = 0) {
  const lines = text.split(/\r?\n/);
  const made = [];
  while (lines.length) {
    const block = depth > MOST_DEPTH ? paragraph(lines) : next(lines, depth);
    if (block) made.push(block);
  }
  return made;
}

function next(lines, depth) {
  const [line] = lines;
  if (!line.trim()) return void lines.shift();
  if (/^\s*```/.test(line)) return fenced(lines);
  const heading = /^(#{1,6})\s+(.*?)\s*#*\s*$/.exec(line);
  if (heading) {
    lines.shift();
    // Headings of a note are below those of the page.
    return h(`h${Math.min(heading[1].length + 3, 6)}`, {}, inline(heading[2]));
  }
  if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
    lines.shift();
    return h("hr");
  }
  if (/^\s*>/.test(line)) {
    return h("blockquote", {}, markdown(taken(lines, (one) => /^\s*>/.test(one)).map((one) => one.replace(/^\s*> ?/, "")).join("\n"), depth + 1));
  }
  return ITEM.test(line) ? list(lines, depth) : paragraph(lines);
}

function fenced(lines) {
  lines.shift();
  const inside = taken(lines, (one) => !/^\s*```\s*$/.test(one));
  lines.shift();
  // Code is read by scrolling sideways, so the keyboard has to reach it.
  return h("pre", { tabindex: "0" }, h("code", {}, inside.join("\n")));
}

function paragraph(lines) {
  const first = lines.shift();
  const more = taken(lines, (one) => one.trim() && !ITEM.test(one) && !/^\s*(>|```|#{1,6}\s)/.test(one));
  return h("p", {}, [first, ...more].flatMap((one, at) => (at ? [h("br"), ...inline(one)] : inline(one))));
}

function list(lines, depth) {
  const [, indent, number] = ITEM.exec(lines[0]);
  const made = h(number ? "ol" : "ul", number ? { start: number } : {});
  for (let item = ITEM.exec(lines[0] ?? ""); item && item[1].length === indent.length && Boolean(item[2]) === Boolean(number); item = ITEM.exec(lines[0] ?? "")) {
    lines.shift();
    const below = taken(lines, (one) => one.trim() && /^\s*/.exec(one)[0].length > indent.length);
    made.append(h(item[3] ? "li.boxed" : "li", {}, box(item[3]), inline(item[4]), below.length ? markdown(below.join("\n"), depth + 1) : []));
  }
  return made;
}

/** A box that shows whether it is ticked; it is text of the note, changed where the note is. */
const box = (mark) => mark && h("span.box", { "aria-hidden": "true" }, mark === " " ? "☐" : "☑");

function taken(lines, belongs) {
  const end = lines.findIndex((line) => !belongs(line));
  return lines.splice(0, end < 0 ? lines.length : end);
}

/** Text and elements within a line. */
function inline(text) {
  const found = INLINE.map(([pattern, make]) => [pattern.exec(text), make]).filter(([match]) => match);
  if (!found.length) return text ? [text] : [];
  const [match, make] = found.reduce((first, other) => (other[0].index < first[0].index ? other : first));
  return [text.slice(0, match.index), make(match), ...inline(text.slice(match.index + match[0].length))].filter((one) => one !== "");
}

/** A link, where it leads to the web or to a mail address; else the text as it was written. */
function link(target, content, whole) {
  if (!/^(https?:\/\/|mailto:)/i.test(target)) return whole;
  return h("a", { href: target, target: "_blank", rel: "noopener noreferrer nofollow" }, content);
}
