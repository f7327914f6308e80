"""Write what is sent by PUT to files of a folder, the one argument."""

import http.server
import pathlib
import sys


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        (pathlib.Path(sys.argv[1]) / pathlib.Path(self.path).name).write_bytes(content)
        self.send_response(201)
        self.end_headers()


http.server.HTTPServer(("", 8000), Receiver).serve_forever()
