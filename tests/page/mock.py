"""A stand-in for the daemon behind its page: the files as they are, and an API whose answers a test
sets as it likes, edge cases among them. `mock.py [SCENE]` alone serves a scene to look at."""
import http.server
import json
import pathlib
import sys
import threading
import time
import urllib.parse

import scenes

PAGE = pathlib.Path(__file__).resolve().parents[2] / "src" / "daemon" / "page"
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
          "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if url.path.startswith("/api/"):
            self.server.mock.asked.append(self.path)
            self.api(url)
        else:
            path = PAGE / (url.path.lstrip("/") or "index.html")
            if path.parent == PAGE and path.is_file():
                self.answer(200, path.read_bytes(), TYPES[path.suffix])
            else:
                self.answer(404, b"not found\n", "text/plain")

    def api(self, url):
        mock = self.server.mock
        if mock.mode == "hang":
            mock.released.wait(60)
        if mock.mode == "cut":
            self.close_connection = True
            return
        if mock.mode == "busy":
            self.answer(503, b'{"error":"busy"}', "application/json")
        elif mock.mode == "garbage":
            self.answer(200, b"<html>a proxy's page</html>", "text/html")
        elif url.path == "/api/overview":
            self.json(200, mock.overview())
        else:
            name = urllib.parse.parse_qs(url.query).get("name", [""])[0]
            details = mock.robot(name)
            if details:
                self.json(200, details)
            else:
                self.json(400 if mock.strict else 404, {"error": {"code": "not_found", "message": "no such robot"}})

    def json(self, status, value):
        self.answer(status, json.dumps(value).encode(), "application/json")

    def answer(self, status, body, kind):
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))),
                            ("Content-Security-Policy", POLICY), ("Cache-Control", "no-store"),
                            ("X-Content-Type-Options", "nosniff")):
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass  # the browser has given up

    def log_message(self, *_):
        pass


class Mock:
    """`scene` is what /api tells; `mode` how: ok, frozen, hang, cut, busy, garbage."""

    def __init__(self, scene=None):
        self.scene = scene or scenes.cell()
        self.mode, self.asked = "ok", []
        self.strict = False  # a name that is none is refused otherwise than one that is not there
        self.released = threading.Event()
        self.offset_s = 0  # of the daemon's clock from this one's
        self.frozen = None
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.mock = self
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, args=(0.1,), daemon=True).start()

    def now(self):
        return time.time() + self.offset_s

    def overview(self):
        if self.mode == "frozen" and self.frozen:
            return self.frozen
        told = dict(self.scene["overview"])
        told["now"] = scenes.rfc3339(self.now())
        self.frozen = told
        return told

    def robot(self, name):
        robot = next((r for r in self.scene["overview"]["robots"] if r["robot"] == name), None)
        return robot and {**scenes.details(robot), **self.scene.get("details", {}).get(name, {}), "robot": robot}

    def set(self, mode):
        self.mode = mode
        if mode == "hang":
            self.released.clear()
        else:
            self.released.set()

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


if __name__ == "__main__":
    served = Mock(getattr(scenes, sys.argv[1] if len(sys.argv) > 1 else "cell")())
    print(served.url, flush=True)
    while True:
        time.sleep(60)
