// Builds elements in which text stays text, and updates what is shown in place, so that focus, scroll and typed words stay.

const SVG = 'http://www.w3.org/2000/svg';
const HANDLERS = ['onclick', 'onsubmit', 'onchange', 'oninput', 'onpointermove', 'onpointerleave', 'onkeydown'];

/** An HTML element. Properties are attributes, handlers, or `key`, which names it among its siblings. */
export function h(tag, properties, ...children) {
  return filled(document.createElement(tag), properties, children);
}

/** An SVG element. */
export function svg(tag, properties, ...children) {
  return filled(document.createElementNS(SVG, tag), properties, children);
}

/** Shows `children` in `parent`. An element that is there already stays, and takes over attributes and handlers. */
export function show(parent, ...children) {
  const named = new Map();
  for (const node of parent.childNodes) if (node.dataset?.key) named.set(node.dataset.key, node);
  let at = parent.firstChild;
  for (const wanted of nodes(children)) {
    const key = wanted.dataset?.key;
    const there = key ? named.get(key) : at;
    if (!there || !alike(there, wanted)) {
      parent.insertBefore(wanted, at);
      continue;
    }
    if (there === at) at = at.nextSibling;
    else parent.insertBefore(there, at);
    merge(there, wanted);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (HANDLERS.includes(name)) element[name] = value;
    else if (name === 'key') element.dataset.key = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...nodes(children));
  return element;
}

/** Flat, without what is absent; anything that is no element is text. */
function nodes(children) {
  const present = children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false);
  return present.map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}

function alike(there, wanted) {
  return there.nodeName === wanted.nodeName && there.dataset?.key === wanted.dataset?.key;
}

function merge(there, wanted) {
  if (there.nodeType === Node.TEXT_NODE) {
    if (there.data !== wanted.data) there.data = wanted.data;
    return;
  }
  // Whether a section is open is the reader's choice.
  for (const { name } of [...there.attributes]) {
    if (name !== 'open' && !wanted.hasAttribute(name)) there.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (name !== 'open' && there.getAttribute(name) !== value) there.setAttribute(name, value);
  }
  for (const handler of HANDLERS) if (there[handler] !== wanted[handler]) there[handler] = wanted[handler];
  show(there, ...wanted.childNodes);
}
