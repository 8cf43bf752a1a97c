// Shapes of states and severities: each differs from each other without its colour.
import {draw} from "./dom.js";

const SHAPES = {
    critical: ["M5 1h6l4 4v6l-4 4H5l-4-4V5z", "M8 4.2v4.6M8 11v1"],
    warning: ["M8 1.2 15.4 14.6H.6z", "M8 6v4M8 12v.9"],
    info: ["M1.5 1.5h13v13h-13z", "M8 7v5M8 4v1"],
    ok: ["M8 1a7 7 0 1 1 0 14A7 7 0 1 1 8 1z", "M4.8 8.2 7.2 10.6 11.4 5.8"],
    stale: ["M8 1a7 7 0 1 1 0 14A7 7 0 1 1 8 1z", "M8 4v4.4l2.8 1.8"],
    degraded: ["M8 .8 15.2 8 8 15.2.8 8z", "M8 4.6v4M8 10.6v.9"],
    stopped: ["M2 2h12v12H2z", "M5.6 5.6h4.8v4.8H5.6z"],
    not_evaluated: ["M8 1a7 7 0 1 1 0 14A7 7 0 1 1 8 1z", "M4.4 8h7.2"],
    suspended: ["M2 1.6h12v12.8H2z", "M6 5v6M10 5v6"],
    commissioning: ["M8 1a7 7 0 1 1 0 14A7 7 0 1 1 8 1z", "M8 8V4.2M8 8l3 2"],
    warming: ["M8 1a7 7 0 1 1 0 14A7 7 0 1 1 8 1z", "M4.6 8h.9M7.6 8h.9M10.6 8h.9"],
    lost: ["M8 1a7 7 0 1 1 0 14A7 7 0 1 1 8 1z", "M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6"],
};
const HOLLOW = new Set(["stale", "commissioning", "warming", "not_evaluated", "stopped", "suspended"]);

/** A mark of 16 units; the word beside it is what it says, so that it is hidden from readers. */
export function mark(name) {
    const svg = draw("svg", {viewBox: "0 0 16 16", class: "mark", "aria-hidden": "true"},
        draw("path", {class: "body"}), draw("path", {class: "sign"}));
    setMark(svg, name);
    return svg;
}

export function setMark(svg, name) {
    const known = Object.hasOwn(SHAPES, name) ? name : "info";
    if (svg.dataset.name === known)
        return;
    svg.dataset.name = known;
    svg.setAttribute("class", "mark " + known + (HOLLOW.has(known) ? " hollow" : ""));
    svg.firstChild.setAttribute("d", SHAPES[known][0]);
    svg.lastChild.setAttribute("d", SHAPES[known][1]);
}
