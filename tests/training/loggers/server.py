"""A W&B server on this machine: as much of it as an upload needs, kept in memory."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

KEY = "x" * 40

Manner = Literal["accept", "refuse", "fail"]


class Server(ThreadingHTTPServer):
    """`accept` takes everything; `refuse` knows no key; `fail` knows the key and takes no run.

    Attributes:
        history: lines by run id, laid at the offsets that the client names.
        files: names of the uploaded files.
        runs: by id, the variables of the run's first UpsertBucket.
        views: what was saved as workspaces.
    """

    def __init__(self, manner: Manner) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.manner = manner
        self.history: dict[str, list[dict[str, Any]]] = {}
        self.files: list[str] = []
        self.runs: dict[str, dict[str, Any]] = {}
        self.views: list[dict[str, Any]] = []
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, name: str, given: dict[str, Any]) -> dict[str, Any]:  # noqa: PLR0911  (a case a query)
        """The data of one GraphQL query."""
        self.asked.append(name)
        entity = {"id": "e", "name": "team"}
        bucket = {"id": "b", "name": given.get("name"), "displayName": "shown", "description": "", "config": "{}"}
        if name in ("Viewer", "GetDefaultEntity"):
            return {"viewer": {"id": "v", "entity": "team", "username": "me", "flags": "{}", "teams": {"edges": []}}}
        if name == "UpsertBucket":
            self.runs.setdefault(given["name"], given)
            project = {"id": "p", "name": given["project"], "entity": entity}
            return {"upsertBucket": {"bucket": {**bucket, "historyLineCount": 0, "project": project}, "inserted": True}}
        if name == "RunResumeStatus":
            lines = self.history.get(given["name"])
            known = None if lines is None else {
                **bucket, "summaryMetrics": "{}", "logLineCount": 0, "eventsLineCount": 0, "eventsTail": "[]",
                "historyLineCount": len(lines), "historyTail": json.dumps([json.dumps(lines[-1])]),
                "tags": [], "wandbConfig": json.dumps({"t": {}}),
            }  # fmt: skip
            return {
                "model": {"id": "p", "name": given["project"], "internalId": "1", "entity": entity, "bucket": known}
            }
        if name == "CreateRunFiles":
            files = [{"name": file, "uploadUrl": f"{self.url}/up/{file}"} for file in given["files"]]
            return {"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": files}}
        if name == "CreateArtifact":
            sequence = {"id": "s", "latestArtifact": None}
            return {"createArtifact": {"artifact": {"id": "a", "state": "COMMITTED", "artifactSequence": sequence}}}
        if name == "UpsertView2":
            self.views.append(given)
            return {"upsertView": {"view": {"id": "view", "name": given["name"]}, "inserted": True}}
        return {"serverInfo": {"features": []}} if name == "ServerFeaturesQuery" else {}

    def stream(self, run: str, sent: dict[str, Any]) -> None:
        """Lay lines of history where the client says."""
        chunk = sent.get("files", {}).get("wandb-history.jsonl")
        if chunk:
            lines = self.history.setdefault(run, [])
            lines[chunk["offset"] : chunk["offset"] + len(chunk["content"])] = map(json.loads, chunk["content"])


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *rest: Any) -> None:
        """The suite's output is not the place."""

    def do_POST(self) -> None:
        body = self._body()
        if self.path == "/graphql":
            asked = json.loads(body)
            name = asked.get("operationName") or asked["query"].split("(")[0].split()[1]
            if self.server.manner == "refuse":
                self._send({"errors": [{"message": "user is not logged in"}]}, 401)
            elif self.server.manner == "fail" and name == "UpsertBucket":
                self._send({"errors": [{"message": "permission denied"}]}, 403)
            else:
                self._send({"data": self.server.answer(name, asked.get("variables") or {})})
            return
        if self.path.endswith("/file_stream"):
            self.server.stream(self.path.split("/")[4], json.loads(body))
        self._send({})

    def do_PUT(self) -> None:
        self._body()
        self.server.files.append(self.path.removeprefix("/up/"))
        self._send({})

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _send(self, value: dict[str, Any], status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def serving(manner: Manner = "accept") -> Iterator[Server]:
    """A server for the length of a `with`."""
    server = Server(manner)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
