// Runs before the first paint, so that nothing flashes. ?theme=light|dark overrides the system's choice; ?wall is for a
// display that is read from afar.
(() => {
    const asked = new URLSearchParams(location.search);
    const root = document.documentElement;
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const apply = () => {
        const theme = asked.get("theme");
        root.dataset.theme = theme === "light" || theme === "dark" ? theme : dark.matches ? "dark" : "light";
    };
    dark.addEventListener("change", apply);
    apply();
    if (asked.has("wall"))
        root.dataset.mode = "wall";
})();
