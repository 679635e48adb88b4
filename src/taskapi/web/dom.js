// The only place that makes elements. Text is always text: nothing here or elsewhere parses markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element: h("button.quiet", { type: "button", onclick: act }, "Save").
 * `class`, `dataset`, `style` (an object, set property by property as the page's policy asks) and `on…` are what
 * they are called; true and false set and leave out an attribute; null and false among children are left out.
 */
export function h(name, given = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.classList.add(...classes);
  for (const [key, value] of Object.entries(given)) set(element, key, value);
  element.append(...present(children));
  return element;
}

/** An element of a drawing. */
export function svg(tag, given = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(given)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value);
  }
  element.append(...present(children));
  return element;
}

/** Put these in place of all that an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...present(children));
  return element;
}

/** The elements that can have the focus within another, in their order. */
export function focusable(root) {
  const all = root.querySelectorAll("a[href], button, input, select, summary, textarea, [tabindex]");
  return [...all].filter((one) => one.tabIndex >= 0 && !one.disabled && one.getClientRects().length > 0);
}

/**
 * What gives the focus back to the element that has it now, also where that was drawn anew since: it is known by its
 * `data-of`, never by its place alone, lest the next Enter hit a neighbour. Where it is gone, the focus stays near.
 */
export function keepFocus() {
  const element = document.activeElement;
  const around = [];
  for (let one = element?.parentElement; one; one = one.parentElement) around.push(one);
  return () => {
    if (element?.isConnected) return element.focus();
    const same = [...document.querySelectorAll("[data-of]")].find((one) => one.dataset.of === element.dataset.of);
    const near = around.find((one) => one.isConnected);
    (same ?? focusable(near)[0] ?? document.getElementById("main"))?.focus();
  };
}

/** A number that no other element of this page has in its id. */
export const freshId = ((next) => (name) => `${name}-${(next += 1)}`)(0);

function set(element, key, value) {
  if (value === false || value === null || value === undefined) return;
  if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
  else if (key === "class") element.classList.add(...value.split(" ").filter(Boolean));
  else if (key === "dataset") Object.assign(element.dataset, value);
  else if (key === "style") for (const [name, text] of Object.entries(value)) element.style.setProperty(name, text);
  else if (key === "value" || key === "checked" || key === "selected") element[key] = value;
  else element.setAttribute(key, value === true ? "" : value);
}

function present(children) {
  return children.flat(3).filter((child) => child !== null && child !== undefined && child !== false);
}
