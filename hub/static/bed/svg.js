// Small helpers for drawing; text goes in through textContent only.

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, attributes = {}, text = "") {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    const plain = typeof value === "number" ? Math.round(value * 10) / 10 : value;
    node.setAttribute(name, plain);
  }
  if (text) node.textContent = text;
  return node;
}

export function put(parent, tag, attributes, text) {
  const node = svg(tag, attributes, text);
  parent.append(node);
  return node;
}

// A picture out of the page's icons, `size` wide, its middle at x.
export function sign(parent, name, x, y, size, className = "") {
  return put(parent, "use", { href: `#icon-${name}`, x: x - size / 2, y, width: size, height: size, class: className });
}

// What a pointer resting on a shape is told.
export function titled(node, text) {
  const title = svg("title", {}, text);
  node.prepend(title);
  return node;
}
