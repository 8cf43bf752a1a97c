#!/usr/bin/env python3
"""Pictures of every view of the page, of made-up scenes, to look at: pictures.py DIRECTORY [NAME]..."""
import pathlib
import sys
import time

import mock
import scenes
import tab as tabs

# name: scene, what follows the address, width, height, whether it is the whole page that is shown
VIEWS = {
    "cell": ("cell", "", 1440, 900, True), "robot": ("cell", "#robot/kuka1", 1440, 900, True),
    "robot-small": ("cell", "#robot/kuka1", 1100, 700, True), "robot-stale": ("cell", "#robot/weld-left", 1440, 900, True), "well": ("well", "", 1440, 900, True),
    "empty": ("empty", "", 1440, 700, True), "degraded": ("degraded", "", 1440, 700, True),
    "commissioning": ("commissioning", "#robot/new-arm", 1440, 900, True), "fleet": ("fleet", "", 1440, 900, False),
    "hostile": ("hostile", "", 1024, 900, True), "lost": ("cell", "", 1440, 900, True), "lost-robot": ("cell", "#robot/kuka1", 1440, 900, True),
    "phone": ("cell", "", 360, 740, True), "phone-robot": ("cell", "#robot/kuka1", 360, 740, True), "phone-lost": ("cell", "", 360, 740, False),
    "wall": ("cell", "?wall", 1920, 1080, False), "wall-fleet": ("fleet", "?wall", 1920, 1080, False),
    "wall-well": ("well", "?wall", 1920, 1080, False), "wall-lost": ("cell", "?wall", 1920, 1080, False),
}


def take(tab, path, view, theme):
    scene, tail, width, height, full = view
    served = mock.Mock(getattr(scenes, scene)())
    tab.size(width, height)
    tab.features(prefers_color_scheme=theme)
    tab.open(served.url + tail)
    tab.until("document.documentElement.dataset.live === 'yes'")
    tab.until("!location.hash || document.querySelector('.robot-body').checkVisibility()")
    if "lost" in path.name:
        served.set("cut")
        tab.until("document.documentElement.dataset.live === 'no'")
    time.sleep(0.2)
    tab.shot(path, width, full)
    served.close()


def main():
    browser = tabs.browser.find()
    if not browser:
        print("there is no chromium")
        return 1
    directory, names = pathlib.Path(sys.argv[1]), sys.argv[2:] or list(VIEWS)
    directory.mkdir(parents=True, exist_ok=True)
    with tabs.Tab(browser) as tab:
        for name in names:
            for theme in ("light", "dark"):
                take(tab, directory / f"{name}-{theme}.png", VIEWS[name], theme)
    print(f"{2 * len(names)} pictures in {directory}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
