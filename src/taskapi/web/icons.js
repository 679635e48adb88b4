// Drawings of 24 by 24, made of strokes in the colour of the text around them.

import { svg } from "./dom.js";

const PATHS = {
  add: "M12 5v14M5 12h14",
  all: "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
  admin: "M12 3l7 3v6c0 4.4-3 7.6-7 9-4-1.4-7-4.6-7-9V6z",
  archive: "M4 4h16v4H4zM6 8v12h12V8M10 12h4",
  board: "M4 4h4.5v16H4zM9.8 4h4.5v11H9.8zM15.5 4H20v7h-4.5z",
  calendar: "M5 6h14v14H5zM5 10h14M9 3v4M15 3v4",
  check: "M5 12.5l4.5 4.5L19 7.5",
  close: "M6 6l12 12M18 6L6 18",
  down: "M6 9l6 6 6-6",
  edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  flag: "M6 21V4M6 5h11l-2 4 2 4H6",
  inbox: "M4 13l3-8h10l3 8v6H4zM4 13h5l1.5 3h3L15 13h5",
  key: "M14 10a4 4 0 1 0-3.5 4L13 16.500h2V19h3v2h3v-3.500l-7.3-7.3",
  label: "M4 4h8l8 8-8 8-8-8zM8.5 8.500h.01",
  mail: "M4 6h16v12H4zM4 7l8 6 8-6",
  menu: "M4 7h16M4 12h16M4 17h16",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  moon: "M20 14.500A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.500z",
  out: "M15 4h4v16h-4M4 12h11M8 8l-4 4 4 4",
  project: "M4 6h6l2 2h8v11H4z",
  restore: "M4 9h11a5 5 0 0 1 0 10H8M4 9l4-4M4 9l4 4",
  search: "M11 5a6 6 0 1 0 0 12 6 6 0 0 0 0-12M15.5 15.500L20 20",
  select: "M4 5h6v6H4zM13 8h7M4 14h6v6H4zM13 17h7",
  settings: "M4 7h9M17 7h3M15 5v4M4 17h3M11 17h9M9 15v4M4 12h13M20 12h.01",
  stats: "M5 20v-7M12 20V4M19 20v-10",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 3v1.500M12 19.500V21M3 12h1.500M19.5 12H21M5.6 5.600l1 1M17.4 17.400l1 1M5.6 18.400l1-1M17.4 6.600l1-1",
  today: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16M12 8v4l3 2",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  warn: "M12 4l9 16H3zM12 10v4M12 17h.01",
};

/** A drawing by its name; hidden from screen readers, since words beside it say the same. */
export function icon(name) {
  const path = svg("path", {
    d: PATHS[name],
    fill: "none",
    stroke: "currentColor",
    "stroke-width": "1.8",
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
  });
  return svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, path);
}
