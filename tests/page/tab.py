"""The browser of the reports' tests, with what a live page needs besides: keys, pictures, patience."""
import base64
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import browser  # noqa: E402

KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35, "/": 191}


class Tab(browser.Browser):
    def text(self, selector):
        return self.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText ?? null")

    def js(self, expression):
        """The value of an expression; one of a promise is waited for."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"].get("exception", {}).get("description", expression))
        return result["result"].get("value")

    def until(self, expression, timeout_s=15):
        """Waits until an expression is true; whether it came to be."""
        deadline = time.monotonic() + timeout_s
        while True:
            value = self.js(f"Boolean({expression})")
            if value or time.monotonic() > deadline:
                return value
            time.sleep(0.05)

    def press(self, key, shift=False):
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        common = {"key": key, "windowsVirtualKeyCode": KEYS[key], "modifiers": 8 if shift else 0, "code": key if len(key) > 1 else "Slash"}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def features(self, **features):
        self.call("Emulation.setEmulatedMedia", media="", features=[
            {"name": name.replace("_", "-"), "value": value} for name, value in features.items()])

    def shot(self, path, width=None, full=False):
        """A picture of what is seen; `full`: of all, as a window of that height shows it."""
        if full:
            self.size(width, max(400, self.js("document.documentElement.scrollHeight")))
            self.js("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        data = self.call("Page.captureScreenshot", format="png")["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))

    def whole(self):
        return self.js("({width: document.documentElement.scrollWidth, height: document.documentElement.scrollHeight})")

    def complaints(self):
        """Errors, warnings and violations of the policy since the last `open`."""
        self.js("1")  # whatever was on its way has come
        for event in self.events:
            params = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                yield params["exceptionDetails"].get("exception", {}).get("description", str(params))
            elif event["method"] == "Runtime.consoleAPICalled":
                yield "console: " + str(params["args"])
            elif event["method"] == "Log.entryAdded":
                yield params["entry"]["text"] + " " + params["entry"].get("url", "")
