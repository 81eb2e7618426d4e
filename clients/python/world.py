"""What the tests share: an emulator over TLS, Microsoft's client pointed at it, and mlsync.

One emulator and one workspace serve the whole run, because the last test exports what all the others made. Tests
say what they leave behind with keep() and gone().
"""

import atexit
import base64
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import urllib3.util.connection as connection

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
GROUP = "rg-clients"
WORKSPACE = "mlw-clients"
WS = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
    f"/providers/Microsoft.MachineLearningServices/workspaces/{WORKSPACE}"
)
TENANT = "99999999-8888-7777-6666-555555555555"
STORAGE = "core.windows.net"  # the emulator's suffix of storage hosts
ML_RESOURCE = "https://ml.azure.com"

FILES = pathlib.Path(__file__).parent / "files"
MLSYNC = os.environ.get("MLSYNC", str(pathlib.Path(__file__).parents[2] / "bin" / "mlsync"))

kept = {}  # id of an asset as mlsync writes it -> variant of its kind, "" when the kind has one only
whole = set()  # those of them whose file needs the folder that was uploaded
left = set()  # ids that must not come back in an export
notes = []  # what the run says at its end
secrets = set()  # texts that must not stand in an export


def keep(asset, variant="", content=False):
    """An asset stays in the workspace to the end, so the export must have it: with content, if a file without would not do."""
    kept[asset] = variant
    if content:
        whole.add(asset)


def gone(asset):
    """An asset was deleted or archived, so the export must not have it."""
    left.add(asset)


class Credential:
    """A credential that needs no login: tokens in the form of a JWT, for the audience that is asked for."""

    def get_token(self, *scopes, **_):
        from azure.core.credentials import AccessToken

        audience = scopes[0].removesuffix("/.default") if scopes else ML_RESOURCE
        expires = int(time.time()) + 3600
        claims = {"aud": audience, "tid": TENANT, "oid": TENANT, "name": "Clients", "upn": "clients@example.com", "exp": expires}
        return AccessToken(".".join(_part(p) for p in ({"alg": "none", "typ": "JWT"}, claims, {"sig": 1})), expires)


def _part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


class World:
    """The emulator and the folders of a run; stop() ends and removes them."""

    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="mlsync-clients-"))
        self.ca = self.root / "ca.pem"
        self.log = open(self.root / "emulator.log", "w")
        self.process = subprocess.Popen(
            [MLSYNC, "emulator", "--tls", "--ca-file", str(self.ca), "--data", str(self.root / "data"), "--lro", "100ms", "--page-size", "3", "--env-change", "refuse"],
            stdout=subprocess.PIPE, stderr=self.log, text=True,
        )
        atexit.register(self.stop)
        self.url = self.process.stdout.readline().strip()
        if not self.url.startswith("https://"):
            raise RuntimeError(f"the emulator did not start: {(self.root / 'emulator.log').read_text()}")
        os.environ["REQUESTS_CA_BUNDLE"] = str(self.ca)
        os.environ["AZURE_ML_DISABLE_ON_DISK_CACHE"] = "true"
        os.environ["AZURE_ML_DISABLE_CONCURRENT_COMPONENT_REGISTRATION"] = "true"
        os.chdir(self.root)  # the client takes the working directory's git repository into jobs
        self._catch()
        self._clients = {}

    def _catch(self):
        """Send storage hosts to the emulator, and let nothing else out of the machine."""
        host, port = self.url.removeprefix("https://").rsplit(":", 1)
        connect = connection.create_connection

        def create_connection(address, *args, **kwargs):
            if address[0].endswith((f".blob.{STORAGE}", f".dfs.{STORAGE}", f".file.{STORAGE}")):
                address = (host, int(port))
            if address[0] != host:
                raise OSError(f"the tests do not reach {address[0]}")
            return connect(address, *args, **kwargs)

        connection.create_connection = create_connection

    @property
    def ml(self):
        """Microsoft's client of the workspace."""
        if WORKSPACE not in self._clients:
            from azure.ai.ml import MLClient

            self._clients[WORKSPACE] = MLClient(
                Credential(), SUBSCRIPTION, GROUP, WORKSPACE, cloud="Emulator", enable_telemetry=False, show_progress=False,
                cloud_metadata={
                    "azure_portal": "https://portal.azure.com/", "resource_manager": self.url + "/",
                    "active_directory": self.url + "/", "aml_resource_id": ML_RESOURCE + "/", "storage_endpoint": STORAGE,
                    "registry_discovery_endpoint": self.url + "/",
                },
            )
        return self._clients[WORKSPACE]

    def mlsync(self, *args, cwd=None, code=0, env=None):
        """Run mlsync, which must end with the code, and return what it printed."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.root), "TMPDIR": str(self.root)} | (env or {})
        done = subprocess.run([MLSYNC, *args], cwd=cwd or self.root, env=environment, capture_output=True, text=True, timeout=120)
        if code is not None and done.returncode != code:
            raise AssertionError(f"mlsync {' '.join(args)}: exit code {done.returncode}, want {code}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def requests(self, **query):
        """The log of the emulator: what was asked of it."""
        import requests

        answer = requests.get(self.url + "/__requests", params=query, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def fault(self, text):
        """Let something go wrong in the emulator; docs/reference/emulator.md has the words."""
        import requests

        requests.post(self.url + "/__faults", data=text, timeout=30).raise_for_status()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        self.log.close()
        os.chdir("/")
        if not os.environ.get("KEEP"):
            shutil.rmtree(self.root, ignore_errors=True)


_world = []


def world():
    """The one world of the run."""
    if not _world:
        _world.append(World())
    return _world[0]
