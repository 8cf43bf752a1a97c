"""What must hold on every view of the page, in any light and at any size: found by looking at the
document as it is drawn. Each check is an expression that gives a list of findings."""

# Every text against what lies behind it, as WCAG 2 reckons it; text in drawings by its fill.
CONTRAST = """(() => {
    const parse = text => (text.match(/[\\d.]+/g) ?? []).map(Number);
    const luminance = rgb => rgb.slice(0, 3).map(c => c / 255).map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
    const behind = element => {
        for (let node = element; node; node = node.parentElement) {
            const [r, g, b, a = 1] = parse(getComputedStyle(node).backgroundColor);
            if (a > .99)
                return [r, g, b];
        }
        return [255, 255, 255];
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = new Set();
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
        if (!text || !element.checkVisibility({visibilityProperty: true}) || element.closest('.unseen, noscript, title'))
            continue;
        const style = getComputedStyle(element), svg = element instanceof SVGElement;
        const own = luminance(parse(svg ? style.fill : style.color)), other = luminance(behind(element));
        const contrast = (Math.max(own, other) + .05) / (Math.min(own, other) + .05);
        const size = parseFloat(style.fontSize), large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
        if (contrast < (large ? 3 : 4.5) || Number(style.opacity) < 1)
            found.add(`contrast ${contrast.toFixed(2)}: ${text.slice(0, 40)}`);
    }
    return [...found];
})()"""

# Shapes that say something, against what lies behind them: 3 is asked for.
SHAPES = """(() => {
    const parse = text => (text.match(/[\\d.]+/g) ?? []).map(Number);
    const luminance = rgb => rgb.slice(0, 3).map(c => c / 255).map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
    const behind = element => {
        for (let node = element; node; node = node.parentElement) {
            const [r, g, b, a = 1] = parse(getComputedStyle(node).backgroundColor);
            if (a > .99)
                return [r, g, b];
        }
        return [255, 255, 255];
    };
    return [...new Set([...document.querySelectorAll('.mark .body, .chart .line, path.limit, .observed, .expected, .part')].filter(node => node.checkVisibility())
        .map(node => {
            const style = getComputedStyle(node), own = luminance(parse(style.fill === 'none' ? style.stroke : style.fill));
            const other = luminance(behind(node.ownerSVGElement.parentElement));
            return [(Math.max(own, other) + .05) / (Math.min(own, other) + .05), node.ownerSVGElement.getAttribute('class') + ' ' + node.getAttribute('class')];
        }).filter(([contrast]) => contrast < 3).map(([contrast, name]) => `shape ${name}: ${contrast.toFixed(2)}`))];
})()"""

STRUCTURE = """(() => {
    const found = [], seen = node => node.checkVisibility();
    const ids = [...document.querySelectorAll('[id]')].map(node => node.id);
    for (const id of ids.filter((id, i) => ids.indexOf(id) !== i))
        found.push('id twice: ' + id);
    for (const tag of ['main', 'body > header', 'body > footer'])
        if ([...document.querySelectorAll(tag)].filter(seen).length !== 1 && !(tag === 'body > footer' && document.documentElement.dataset.mode))
            found.push('not one ' + tag);
    const heads = [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].filter(seen).map(node => Number(node.tagName[1]));
    if (heads.filter(level => level === 1).length !== 1)
        found.push('h1: ' + heads.filter(level => level === 1).length);
    if (!document.documentElement.lang || !document.title)
        found.push('no language or title');
    for (const name of ['aria-labelledby', 'for'])
        for (const node of document.querySelectorAll(`[${name}]`))
            if (!document.getElementById(node.getAttribute(name)))
                found.push(`${name}=${node.getAttribute(name)} leads nowhere`);
    const live = [...document.querySelectorAll('[aria-live], [role=alert], [role=status], [role=log]')];
    if (live.length !== 1 || live[0].id !== 'announcer')
        found.push('live regions: ' + live.length);
    for (const node of document.querySelectorAll('[tabindex]'))
        if (node.tabIndex > 0)
            found.push('tabindex over 0');
    for (const node of document.querySelectorAll('[style*="{"], [onclick], [onload], [onerror]'))
        found.push('inline: ' + node.outerHTML.slice(0, 60));
    return found;
})()"""

# A state is a word and a shape, wherever a colour says it.
NOT_BY_COLOUR = """[...document.querySelectorAll('.robots tbody tr')].filter(row => row.checkVisibility()).flatMap(row => {
    const mark = row.querySelector('.state .mark'), word = row.querySelector('.state .word');
    return mark?.querySelector('.body').getAttribute('d') && word?.textContent ? [] : ['no word or shape: ' + row.textContent.slice(0, 40)];
})"""

SMALL_TARGETS = """[...document.querySelectorAll('a, button, input, summary, [role=slider]')].filter(node =>
    node.checkVisibility() && !node.matches('.skip') && (node.getBoundingClientRect().height < 24))
    .map(node => 'small target: ' + node.outerHTML.slice(0, 60))"""

TOO_WIDE = """(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth > width)
        return ['page is ' + document.documentElement.scrollWidth + ' px wide'];
    return [...document.querySelectorAll('body *')].filter(node => node.checkVisibility() && !node.closest('.scroll, .chips, .unseen, .skip, thead, svg') &&
        (node.getBoundingClientRect().right > width + 1)).map(node => 'sticks out: ' + node.outerHTML.slice(0, 60));
})()"""

NEED_NAMES = {"link", "button", "textbox", "searchbox", "slider", "region", "table", "navigation", "complementary"}
LANDMARKS = {"main", "banner", "contentinfo"}


def names(tab):
    """What a screen reader is told: each control and landmark has a name, each landmark is there."""
    roles = set()
    for node in tab.call("Accessibility.getFullAXTree")["nodes"]:
        if node.get("ignored"):
            continue
        role = node.get("role", {}).get("value", "")
        roles.add(role)
        if role in NEED_NAMES and not node.get("name", {}).get("value", "").strip():
            yield f"{role} without a name"
    for role in LANDMARKS - roles:
        yield f"no {role}"


def all_of(tab):
    for check in (CONTRAST, SHAPES, STRUCTURE, NOT_BY_COLOUR, SMALL_TARGETS, TOO_WIDE):
        yield from tab.js(check)
