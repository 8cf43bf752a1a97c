// The few things that the page does to the document. Text of others only ever becomes a text node.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; a child is a node, or a text, or null for none. */
export function make(tag, attributes = {}, ...children) {
    return fill(document.createElement(tag), attributes, children);
}

export function draw(tag, attributes = {}, ...children) {
    return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes))
        set(node, name, value);
    node.append(...children.filter(child => child !== null && child !== undefined));
    return node;
}

/** A text of others: isolated, so that its direction of writing moves nothing around it. */
export function quoted(text) {
    return make("bdi", {}, String(text));
}

/** Sets what has changed, and only that. null and false take an attribute away. */
export function set(node, name, value) {
    if (value === null || value === undefined || value === false) {
        if (node.hasAttribute(name))
            node.removeAttribute(name);
        return;
    }
    const text = value === true ? "" : String(value);
    if (node.getAttribute(name) !== text)
        node.setAttribute(name, text);
}

export function say(node, text) {
    if (node.textContent !== text)
        node.textContent = text;
}

export function show(node, shown) {
    if (node.hidden === shown)
        node.hidden = !shown;
}

/** A custom property of the style sheet: allowed by the content security policy, unlike an inline style. */
export function style(node, name, value) {
    if (node.style.getPropertyValue(name) !== value)
        node.style.setProperty(name, value);
}

/**
 * Makes the children of a parent those of a list: one for each item, in its order, by key. What stays is neither made anew
 * nor moved without need, and keeps the focus.
 */
export class Keyed {
    constructor(parent, keyOf, create, update) {
        Object.assign(this, {parent, keyOf, create, update});
        this.nodes = new Map();
    }

    show(items, reorder = true) {
        const focused = this.parent.contains(document.activeElement) ? document.activeElement : null;
        const wanted = new Set(items.map(this.keyOf));
        for (const [key, node] of this.nodes) {
            if (!wanted.has(key)) {
                node.remove();
                this.nodes.delete(key);
            }
        }
        let place = this.parent.firstChild;
        for (const item of items) {
            const key = this.keyOf(item);
            let node = this.nodes.get(key);
            const known = node !== undefined;
            if (!known)
                this.nodes.set(key, node = this.create(item));
            this.update?.(node, item);
            if (known && !reorder)
                continue;
            if (node === place) {
                place = node.nextSibling;
            } else if (known && place?.nextSibling === node) {
                place = node.nextSibling; // the one in between finds its place when its turn comes
            } else {
                this.parent.insertBefore(node, place);
            }
        }
        if (focused && focused !== document.activeElement && focused.isConnected)
            focused.focus({preventScroll: true});
    }
}
