#!/usr/bin/env python3
"""The picture in the README, docs/page.png: the real daemon, and simulated arms for ten minutes.
readme_picture.py DIRECTORY writes it there, and others to choose from; ARMWATCH and ARMWATCHD name the programs."""
import pathlib
import sys
import time

import live
import tab as tabs

SHOW_S = 620
ARMS = {"kuka1": "healthy:150,collision:25,healthy:130,dropout:15,healthy:130,slow:0.75:600", "kuka2": "healthy:900",
        "kuka3": "healthy:300,stuck:15,healthy:600", "weld-left": "healthy:560", "weld-right": "healthy:900"}


def main():
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    with live.Plant() as plant:
        plant.start_broker()
        plant.start_daemon()
        for session, (robot, schedule) in enumerate(ARMS.items(), 901):
            plant.arm(robot, schedule, session)
        time.sleep(SHOW_S)
        with tabs.Tab(tabs.browser.find()) as tab:
            for name, tail, width, height, theme in (("page", "#robot/kuka1", 1280, 826, "light"), ("page-dark", "#robot/kuka1", 1280, 826, "dark"),
                                                     ("overview", "", 1280, 560, "light"), ("wall", "?wall", 1920, 1080, "dark"),
                                                     ("phone", "", 360, 740, "light"), ("kuka3", "#robot/kuka3", 1280, 900, "light")):
                tab.size(width, height)
                tab.features(prefers_color_scheme=theme)
                tab.open("about:blank")
                tab.open(plant.url + tail)
                tab.until("document.documentElement.dataset.live === 'yes'")
                tab.until("!location.hash || document.querySelector('.robot-body').checkVisibility()")
                if name.startswith("page"):
                    tab.until("Number(document.querySelector('.episode.open') && document.querySelector('.now .score').textContent) > 2", 60)
                time.sleep(0.3)
                tab.shot(directory / f"{name}.png", width)
    return 0


if __name__ == "__main__":
    sys.exit(main())
