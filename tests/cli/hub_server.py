"""A hub on this machine for the tests of pulling: Hugging Face's and ModelScope's protocols, honest by default, with one
misbehaviour at a time. The files live on a second origin (another port), as on the real hubs' content networks.

    with Hub() as hub:
        hub.add("o/m", {"m-q8_0.gguf": b"..."})       hub.environment() names it to pingti
        hub.break_after = [1000]                       the next answers break off after so many bytes
"""
import hashlib
import http.server
import json
import re
import ssl
import sys
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

TLS = Path(__file__).resolve().parent / "tls"   # ca.pem, and servers' certificates by name
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class File:
    def __init__(self, data, lfs=True, etag=None):
        self.data, self.lfs, self.sha256 = data, lfs, hashlib.sha256(data).hexdigest()
        self.etag = etag or f'"{hashlib.md5(data).hexdigest()}"'


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):   # a client that hangs up is what many tests are about
            super().handle_error(request, client_address)


class Hub:
    def __init__(self, token=None, ranges=True, tls=None, store_tls=None):   # names of certificates; None: plain http
        self.repos, self.log, self.token = {}, [], token
        self.ranges, self.break_after, self.stall_after = ranges, [], []
        self.hooks = {}             # path prefix -> function(handler, origin) that answers in place of the honest code
        self.listed, self.page = {}, 1000   # (repo, path) -> changes of its entry in lists
        self.etag_of = lambda file, path, count: file.etag
        self.slow = 0               # seconds before each piece of 64 KiB
        self.lock, self.active, self.most_active, self.counts = threading.Lock(), 0, 0, {}
        self.servers = [self.serve("hub", tls), self.serve("store", store_tls)]
        self.url, self.store_url = (f"http{'s' * bool(t)}://127.0.0.1:{s.server_address[1]}" for s, t in zip(self.servers, (tls, store_tls)))

    def serve(self, origin, tls):
        server = Server(("127.0.0.1", 0), type("Handler", (Handler,), {"hub": self, "origin": origin}))
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(TLS / f"{tls}.pem")
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)   # in the connection's own thread
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": .05}, daemon=True).start()
        return server

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for s in self.servers:
            s.shutdown()
            s.server_close()

    def add(self, repo, files):
        self.repos.setdefault(repo, {}).update({k: v if isinstance(v, File) else File(v, lfs=not k.endswith((".json", ".txt"))) for k, v in files.items()})

    def environment(self):
        return {"HF_ENDPOINT": self.url, "MODELSCOPE_ENDPOINT": self.url}

    def asked(self, part):
        """(path, range) of the requests whose path has `part`."""
        return [(path, headers.get("Range")) for _, path, headers in self.log if part in path]


class Handler(http.server.BaseHTTPRequestHandler):
    hub, origin = None, None
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.hub.log.append((self.origin, self.path, dict(self.headers)))
        for prefix, hook in self.hub.hooks.items():
            if unquote(self.path).startswith(prefix):
                hook(self, self.origin)
                return
        url = urlsplit(self.path)
        parts = [unquote(p) for p in url.path.strip("/").split("/")]
        if self.origin == "store":
            self.send_stored(parts)
        elif self.hub.token and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            self.answer(401, b'{"error":"Invalid credentials"}', {"X-Error-Code": "GatedRepo"})
        else:
            self.route(parts, parse_qs(url.query))

    def route(self, parts, query):
        if parts[:2] == ["api", "models"] and len(parts) >= 5:
            repo, verb = "/".join(parts[2:4]), parts[4]
            if repo not in self.hub.repos:
                self.answer(404, b'{"error":"Repository not found"}', {"X-Error-Code": "RepoNotFound"})
            elif verb == "revision":
                files = [{"rfilename": p} for p in self.hub.repos[repo]]
                self.answer_json({"id": repo, "sha": COMMIT, "siblings": files, "private": False, "gated": False})
            else:
                self.send_tree(repo, int(query.get("cursor", ["0"])[0]))
        elif parts[:3] == ["api", "v1", "models"] and parts[5:] == ["repo", "files"]:
            self.send_modelscope_list("/".join(parts[3:5]))
        elif parts[:3] == ["api", "v1", "models"] and parts[5:] == ["repo"]:   # as ModelScope's own client asks
            self.send_file("/".join(parts[3:5]), query["FilePath"][0], True)
        elif parts[0] == "models" and parts[3:4] == ["resolve"]:
            self.send_file("/".join(parts[1:3]), "/".join(parts[5:]), True)
        elif parts[2:3] == ["resolve"]:
            self.send_file("/".join(parts[:2]), "/".join(parts[4:]), False)
        else:
            self.answer(404, b"{}")

    # ---- answers

    def answer(self, status, body=b"", headers=None):
        self.send_response(status)
        for k, v in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(k, v)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def answer_json(self, value, headers=None):
        self.answer(200, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    def send_tree(self, repo, cursor):
        entries = []
        for path, file in self.hub.repos[repo].items():
            entry = {"type": "file", "oid": "0" * 40, "size": len(file.data), "path": path}
            if file.lfs:
                entry["lfs"] = {"oid": file.sha256, "size": len(file.data), "pointerSize": 130}
            entries.append({**entry, **self.hub.listed.get((repo, path), {})})
        more = cursor + self.hub.page < len(entries)
        link = {"Link": f'<{self.hub.url}{self.path.split("?")[0]}?recursive=true&cursor={cursor + self.hub.page}>; rel="next"'} if more else {}
        self.answer_json(entries[cursor:cursor + self.hub.page], link)

    def send_modelscope_list(self, repo):
        if repo not in self.hub.repos:
            self.answer(404, b'{"Code":10010205001,"Message":"not found","Success":false}')
            return
        files = [{"Path": p, "Name": p.split("/")[-1], "Type": "blob", "Size": len(f.data), "Sha256": f.sha256, "IsLFS": f.lfs, "Revision": COMMIT, **self.hub.listed.get((repo, p), {})}
                 for p, f in self.hub.repos[repo].items()]
        self.answer_json({"Code": 200, "Data": {"Files": files}, "Message": "", "Success": True})

    def send_file(self, repo, path, plain):
        file = self.hub.repos.get(repo, {}).get(path)
        if not file:
            self.answer(404, b'{"error":"Entry not found"}', {"X-Error-Code": "EntryNotFound"})
        elif file.lfs and not plain:
            self.answer(302, b"", {"Location": f"{self.hub.store_url}/{repo}/{path}?signature=1", "X-Linked-Etag": f'"{file.sha256}"',
                                   "X-Linked-Size": str(len(file.data)), "X-Repo-Commit": COMMIT, "ETag": f'"{file.sha256}"'})
        else:
            self.send_bytes(file, path, {"X-Repo-Commit": COMMIT})

    def send_stored(self, parts):
        file = self.hub.repos.get("/".join(parts[:2]), {}).get("/".join(parts[2:]))
        if file:
            self.send_bytes(file, "/".join(parts[2:]), {})
        else:
            self.answer(404)

    def send_bytes(self, file, path, headers):
        hub, data, asked = self.hub, file.data, re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        with hub.lock:
            count = hub.counts[path] = hub.counts.get(path, 0) + 1
        etag = hub.etag_of(file, path, count)
        current = self.headers.get("If-Range") in (None, etag)
        first, last = 0, len(data) - 1
        headers = {"ETag": etag, "Accept-Ranges": "bytes", **headers}
        if asked and hub.ranges and current:
            first, last = int(asked[1]), min(int(asked[2] or last), last)
            if first >= len(data):
                self.answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                return
            self.send_response(206)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        else:
            self.send_response(200)
        headers["Content-Length"] = str(last - first + 1)
        for k, v in headers.items():
            self.send_header(k, v)
        self.end_headers()
        if self.command != "HEAD":
            self.send_body(data[first:last + 1])

    def send_body(self, body):
        hub = self.hub
        with hub.lock:
            stop = hub.break_after.pop(0) if hub.break_after else None
            stall = hub.stall_after.pop(0) if hub.stall_after else None
            hub.active += 1
            hub.most_active = max(hub.most_active, hub.active)
        try:
            upto = len(body) if stop is None and stall is None else stop if stop is not None else stall
            for at in range(0, upto, 1 << 16):
                if hub.slow:
                    time.sleep(hub.slow)
                self.wfile.write(body[at:min(at + (1 << 16), upto)])
            if stall is not None:
                time.sleep(20)
            if stop is not None or stall is not None:
                self.close_connection = True
        except OSError:
            self.close_connection = True
        finally:
            with hub.lock:
                hub.active -= 1
